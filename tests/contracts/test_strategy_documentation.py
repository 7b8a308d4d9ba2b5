"""docs/strategies.md says of the registered strategies what they say of themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest

from services.master.strategies.base import Strategy
from shared.spec.strategies import STRATEGIES

TEXT = Path("docs/strategies.md").read_text()


def rows() -> list[list[str]]:
    """Return the cells of every row of every table."""
    lines = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def row_of(name: str) -> list[str]:
    found = [row for row in rows() if row[0].startswith(f"[`{name}`](")]
    assert len(found) == 1, f"{name} has {len(found)} rows"
    return found[0]


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_registered_strategy_is_in_the_table_as_it_is(name: str) -> None:
    strategy = cast(type[Strategy], STRATEGIES[name])
    link, pairs, resizes, *_ = row_of(name)
    assert link == f"[`{name}`]({strategy.paper})"
    assert (pairs, resizes) == tuple("yes" if value else "no" for value in (strategy.mirrored, strategy.resizable))


def test_no_strategy_is_in_the_table_that_is_not_registered() -> None:
    assert set(re.findall(r"^\| \[`(\w+)`\]", TEXT, re.MULTILINE)) == set(STRATEGIES)


@pytest.mark.parametrize(
    "option",
    [
        "fitness_shaping",
        "l2_penalty",
        "learning_rate_schedule",
        "optimizer",
        "sigma_schedule",
        "top_pairs_ratio",
        "weight_decay",
    ],
)
def test_a_shared_option_is_said_to_be_where_it_is(option: str) -> None:
    where = next(row[2] for row in rows() if row[0] == f"`{option}`")
    assert where.split(", ") == [name for name in STRATEGIES if option in STRATEGIES[name].Spec.model_fields]

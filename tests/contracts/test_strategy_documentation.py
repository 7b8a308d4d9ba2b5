"""docs/strategies.md says of the registered strategies what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedcast.services.master.catalogue.tables import OURS, shared_options, strategies, with_tables
from seedcast.shared.spec.strategies import STRATEGIES

TEXT = Path("docs/strategies.md").read_text()


def test_the_tables_are_those_that_make_docs_would_write() -> None:
    assert with_tables(TEXT) == TEXT


def test_every_strategy_of_ours_has_a_row_with_its_paper() -> None:
    own = [strategy for strategy in STRATEGIES.values() if strategy.__module__.startswith(OURS)]
    assert len(own) >= 10
    for name, strategy in STRATEGIES.items():
        assert (strategy in own) == (f"| [`{name}`]({getattr(strategy, 'paper', None)})" in strategies())


def test_an_option_is_said_to_be_where_it_is() -> None:
    assert "| ars, openai_es, pepg, pgpe |" in next(row for row in rows() if row.startswith("| `optimizer` "))
    assert "`forget_elites`" not in shared_options()  # only simple_ga has it


def rows() -> list[str]:
    return shared_options().splitlines()


def test_a_document_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="the table 'strategies' has 0 places"):
        with_tables(TEXT.replace("<!-- strategies -->", ""))

"""The one specification: what is accepted, what is refused, and with which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.errors import InvalidInput
from shared.spec.experiment import ExperimentSpec
from shared.spec.parse import parse_spec
from tests.specs import cartpole_values

CONFIGS = sorted(Path("configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_valid_and_says_the_same_after_a_round_trip(path: Path) -> None:
    spec = parse_spec(path.read_bytes())
    assert parse_spec(spec.model_dump_json(exclude_unset=True)) == spec
    assert parse_spec(yaml.safe_dump(spec.model_dump(mode="json"))) == spec


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("unknown strategy", {"strategy": {"name": "adam"}}, r"strategy: .*'adam'.*cma_es.*pepg.*pgpe"),
    ("unknown policy", {"policy": {"name": "transformer"}}, r"policy: .*'transformer'.*linear.*mlp"),
    ("unknown field", {"populationsize": 3}, r"populationsize: .*not permitted"),
    (
        "unknown hyperparameter",
        {"strategy": {"name": "pgpe", "sigma": 1}},
        r"strategy\.pgpe\.sigma: .*not permitted",
    ),
    ("unknown nested field", {"stop": {"generation": 5}}, r"stop\.generation: .*not permitted"),
    ("negative population", {"population_size": -4}, r"population_size: .*greater than or equal to 2.*-4"),
    ("absurd population", {"population_size": 10**9}, r"population_size: .*less than or equal to 100000"),
    ("odd mirrored population", {"population_size": 15}, r"population_size: .*even.*15"),
    ("absurd hidden layer", {"policy": {"name": "mlp", "hidden": [10**7]}}, r"hidden\.0: .*4096"),
    (
        "pair seeds without pairs",
        {"strategy": {"name": "cma_es"}, "episode_seeds": "pair"},
        r"episode_seeds: .*mirrored.*cma_es",
    ),
    (
        "too many rollouts",
        {"population_size": 10_000, "episodes_per_member": 1000},
        r"episodes_per_member: .*10000000.*1000000",
    ),
    ("wrong type", {"seed": "seven"}, r"seed: .*integer.*seven"),
    ("infinite target", {"stop": {"test_return": float("inf")}}, r"stop\.test_return: .*finite"),
    ("bad name", {"name": "../etc"}, r"name: .*pattern.*\.\./etc"),
    ("id that is a path", {"environment": {"id": "os; rm -rf"}}, r"environment\.id: .*pattern"),
    ("missing environment", {"environment": None}, r"environment: "),
]


@pytest.mark.parametrize(("changes", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_named_with_field_value_and_reason(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_spec(yaml.safe_dump(cartpole_values() | changes))


@pytest.mark.parametrize("text", ["", "[]", "just text", "a: [", "\x00", "a: &x [*x]", "{" * 10_000])
def test_what_is_no_specification_at_all_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_spec(text)


def test_the_schema_lists_every_registered_strategy_and_policy() -> None:
    text = str(ExperimentSpec.model_json_schema())
    for name in ("pgpe", "pepg", "cma_es", "mlp", "linear"):
        assert f"'const': '{name}'" in text

"""The one specification: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.experiment import ExperimentSpec, RetrainSpec
from seedcast.shared.spec.parse import check_spec, parse_spec
from tests.specs import cartpole_values

CONFIGS = sorted(Path("configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_valid_and_says_the_same_after_a_round_trip(path: Path) -> None:
    spec = parse_spec(path.read_bytes())
    assert parse_spec(spec.model_dump_json(exclude_unset=True)) == spec
    assert parse_spec(yaml.safe_dump(spec.model_dump(mode="json"))) == spec


ADAPTIVE = {"environment_steps": 1000, "maximum": 32}

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("unknown strategy", {"strategy": {"name": "adam"}}, r"strategy: .*'adam'.*cma_es.*pepg.*pgpe"),
    ("unknown policy", {"policy": {"name": "transformer"}}, r"policy: .*'transformer'.*linear.*mlp"),
    ("unknown field", {"populationsize": 3}, r"populationsize: .*not permitted"),
    (
        "unknown hyperparameter",
        {"strategy": {"name": "pgpe", "sigma": 1}},
        r"strategy\.sigma: .*not permitted",
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
    (
        "adaptive population of fixed size",
        {"strategy": {"name": "cma_es"}, "episode_seeds": "member", "adaptive_population": ADAPTIVE},
        r"adaptive_population: needs a strategy whose population may change its size, which cma_es's may not",
    ),
    (
        "maximum below the minimum",
        {"adaptive_population": ADAPTIVE | {"maximum": 8}},
        r"adaptive_population\.maximum: is below population_size 16, got 8",
    ),
    (
        "odd mirrored maximum",
        {"adaptive_population": ADAPTIVE | {"maximum": 33}},
        r"adaptive_population\.maximum: .*even.*33",
    ),
    (
        "too many rollouts at the maximum",
        {"adaptive_population": ADAPTIVE | {"maximum": 10_000}, "episodes_per_member": 1000},
        r"episodes_per_member: adaptive_population\.maximum x .*10000000.*1000000",
    ),
    (
        "adaptive population without a target",
        {"adaptive_population": {"maximum": 32}},
        r"adaptive_population\.environment_steps: .*required",
    ),
    (
        "negative tolerance",
        {"retrain": {"tolerance": -1}},
        r"retrain\.tolerance: .*greater than or equal to 0.*-1",
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


def json_with(changes: dict[str, Any]) -> str:
    return json.dumps(cartpole_values() | changes)


def yaml_with(line: str) -> str:
    return f"{yaml.safe_dump(cartpole_values())}\n{line}\n"


def test_json_means_what_json_says_though_yaml_reads_it_otherwise() -> None:
    values = cartpole_values() | {"strategy": {"name": "pgpe", "radius": 1e-05}, "tags": {"mood": "\U0001f600"}}
    spec = parse_spec(json.dumps(values, indent="\t"))
    assert spec.tags == {"mood": "\U0001f600"}
    assert getattr(spec.strategy, "radius") == 1e-05  # noqa: B009 - the base of all strategies has none
    assert parse_spec(json.dumps(values).encode("utf-8-sig")) == spec


@pytest.mark.parametrize("number", ["1e-05", "1E5", "-2.5e3", ".5e1", "1_0e2"])
def test_a_number_with_an_exponent_is_a_number_in_yaml_too(number: str) -> None:
    values = cartpole_values() | {"environment": {"id": "CartPole-v1", "kwargs": {"x": "NUMBER"}}}
    spec = parse_spec(yaml.safe_dump(values).replace("NUMBER", number))
    assert spec.rollouts.environment.kwargs == {"x": float(number)}


def test_yaml_in_braces_is_still_yaml() -> None:
    text = yaml.safe_dump(cartpole_values(), default_flow_style=True)
    assert text.startswith("{")
    assert parse_spec(text).name == "cartpole"


ALIAS_BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
NOT_READABLE: list[tuple[str, str | bytes, str]] = [
    ("alias bomb", ALIAS_BOMB, r"body: .*anchors"),
    ("bool tag", yaml_with('tags: {a: !!bool "x"}'), r"body: .*KeyError"),
    ("timestamp tag", yaml_with('tags: {a: !!timestamp "x"}'), r"body: .*AttributeError"),
    ("int tag", yaml_with('tags: {a: !!int ""}'), r"body: .*(IndexError|ValueError)"),
    ("not text", b"name: \xe9", r"body: .*UTF-8"),
    ("deep JSON", '{"a":' * 10_000, r"body: .*deep"),
    ("broken JSON", '{\n\t"name": "x"\n\t"seed": 1}', r"body: is neither JSON \(.*delimiter.*line 3"),
    ("lone surrogate in a tag", json_with({"tags": {"mood": "\ud83d"}}), r"tags\.mood: .*surrogate"),
    ("lone surrogate as a key", json_with({"tags": {"\ud83d": "x"}}), r"tags: .*surrogate"),
    ("lone surrogate in a list", json_with({"policy": {"name": "linear", "x": ["\udc00"]}}), r"policy\.x\.0: "),
    ("lone surrogate in YAML", yaml_with('warm_start: "\\ud83d"'), r"warm_start: .*surrogate"),
    ("NUL in a path", json_with({"warm_start": "models/a\0b.npz"}), r"warm_start: .*control"),
    ("newline in a path", json_with({"warm_start": "models/a\n.npz"}), r"warm_start: .*control"),
]


@pytest.mark.parametrize(("text", "message"), [c[1:] for c in NOT_READABLE], ids=[c[0] for c in NOT_READABLE])
def test_what_cannot_be_read_safely_is_refused_with_the_reason(text: str | bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_spec(text)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


BAD_KWARGS: list[tuple[str, Any, str]] = [
    ("deep", nested(11), "10 deep"),
    ("very deep", nested(300), "10 deep"),
    ("large", "x" * 20_000, "16384 bytes"),
    ("number of too many digits", 16**5000, "JSON"),
]


@pytest.mark.parametrize(("value", "reason"), [case[1:] for case in BAD_KWARGS], ids=[c[0] for c in BAD_KWARGS])
def test_arguments_of_an_environment_are_bounded_and_plain_json(value: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as caught:
        EnvironmentSpec.model_validate({"id": "CartPole-v1", "kwargs": {"x": value}})
    assert caught.value.errors()[0]["loc"] == ("kwargs",)


def test_arguments_may_be_ten_deep() -> None:
    kwargs = {"x": nested(9)}
    assert EnvironmentSpec(id="CartPole-v1", kwargs=kwargs).kwargs == kwargs


@pytest.mark.parametrize(
    ("kept", "reason"),
    [("{", r"body: .*JSON"), (json.dumps(cartpole_values() | {"seed": 8}), r"body: does not come back the same")],
)
def test_what_would_not_come_back_from_the_database_is_refused(
    monkeypatch: pytest.MonkeyPatch, kept: str, reason: str
) -> None:
    monkeypatch.setattr(ExperimentSpec, "model_dump_json", lambda *_, **__: kept)
    with pytest.raises(InvalidInput, match=reason):
        parse_spec(yaml_with(""))


@pytest.mark.parametrize(
    "text",
    [
        yaml_with("seed: 0x" + "f" * 5000),
        json_with({"x" * 60_000: "y" * 4000}),
        yaml_with("0x" + "f" * 5000 + ": 1"),
    ],
    ids=["number of too many digits", "long name and value", "number as a key"],
)
def test_an_error_shows_any_value_in_a_few_words(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_spec(text)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("tolerance", "relative", "score", "best", "regressed"),
    [
        (5.0, 0.0, 94.0, 100.0, True),
        (5.0, 0.0, 95.0, 100.0, False),
        (0.0, 0.1, 89.0, 100.0, True),
        (0.0, 0.1, 90.0, 100.0, False),
        (0.0, 0.1, -112.0, -100.0, True),  # relative to the size, whatever the sign
        (0.0, 0.1, -109.0, -100.0, False),
        (20.0, 0.1, 85.0, 100.0, False),  # the larger one counts
        (0.0, 0.0, 100.0, 100.0, False),
        (0.0, 0.0, 101.0, 100.0, False),
    ],
)
def test_a_test_has_regressed_beyond_the_larger_tolerance(
    tolerance: float, relative: float, score: float, best: float, regressed: bool
) -> None:
    retrain = RetrainSpec(tolerance=tolerance, relative_tolerance=relative)
    assert retrain.regressed(score, best) == regressed


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"strategy": {"name": "pgpe", "radius": -1}}, {"strategy.radius"}),
        ({"strategy": {"name": "pgpe", "optimizer": {"name": "adam", "speed": 1}}}, {"strategy.optimizer.speed"}),
        ({"policy": {"name": "mlp", "hidden": [8, 0]}}, {"policy.hidden.1"}),
        ({"strategy": {}}, {"strategy"}),
        ({"environment": {}}, {"environment.id"}),
        ({"environment": "CartPole-v1"}, {"environment"}),
    ],
)
def test_a_wrong_field_is_named_as_it_stands_in_the_file(changes: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_spec(json.dumps(cartpole_values() | changes))
    assert {error.field for error in caught.value.errors} == fields


@pytest.mark.parametrize("text", ["", "[]", "3", "cartpole", "null"])
def test_what_is_no_mapping_is_refused_without_the_name_of_a_class(text: str) -> None:
    with pytest.raises(InvalidInput, match="mapping of fields") as caught:
        parse_spec(text)
    assert "Spec" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name: a\nseed: 1\nseed: 2\n", "'seed' stands twice"),
        ("name: a\nstop: {generations: 1, generations: 2}\n", "'generations' stands twice"),
        ('{"name": "a", "seed": 1, "seed": 2}', "'seed' stands twice"),
        ('{"name": "a", "stop": {"generations": 1, "generations": 1}}', "'generations' stands twice"),
        ("name: a\nseed: 010\n", "010 is not written as a decimal number"),
        ("name: a\nseed: -07\n", "-07 is not written as a decimal number"),
        ("name: a\nseed: 1:30\n", "1:30 is not written as a decimal number"),
        ("name: a\nseed: 1:30.5\n", "1:30.5 is not written as a decimal number"),
        ("name: a\n[1, 2]: 3\n", "plain value"),
        ("name: a\n? {b: c}\n: 3\n", "plain value"),
    ],
)
def test_what_yaml_or_json_would_take_for_something_else_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_spec(text)


def test_numbers_that_are_what_they_look_like_are_taken() -> None:
    text = yaml.safe_dump(cartpole_values()).replace("seed: 7", "seed: 0x10")
    assert parse_spec(text).seed == 16
    assert parse_spec(text.replace("0x10", "1_000")).seed == 1000
    assert parse_spec(text.replace("0x10", "0")).seed == 0


def test_where_json_is_announced_yaml_is_refused() -> None:
    text = yaml.safe_dump(cartpole_values())
    parse_spec(text)
    with pytest.raises(InvalidInput, match="is not JSON, as its content type says"):
        parse_spec(text, only_json=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", False),
        ("population_size", True),
        ("stop", {"generations": True}),
        ("policy", {"name": "mlp", "hidden": [True]}),
    ],
)
def test_true_and_false_are_no_numbers(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match="true and false are no values of this"):
        check_spec(cartpole_values() | {field: value})


def test_numbers_are_not_true_or_false() -> None:
    with pytest.raises(InvalidInput, match=r"policy\.linear\.bias|policy\.bias"):
        check_spec(cartpole_values() | {"policy": {"name": "linear", "bias": 0}})

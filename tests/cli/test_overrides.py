"""`-o KEY=VALUE` as values, and what the client sends of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from seedcast.cli.overrides import load_specs, override_values
from seedcast.client import calls
from seedcast.errors import InvalidInput, NotFound
from tests.specs import cartpole_values

INF = float("inf")


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("note=best so far # see run 3", "best so far # see run 3"),
        ("note=#5 is best", "#5 is best"),
        ("note=lr: 0.1", "lr: 0.1"),
        ("note=two\nlines", "two\nlines"),
        ("note=42", "42"),
        ("note=yes", "yes"),
        ("note=", ""),
        ('note="quoted"', "quoted"),
        ("name=123", "123"),
        ("tags.a=2026-01-01", "2026-01-01"),
        ("tags.a=null", None),
        ("tags.a=", None),
        ("seed=3", 3),
        ("policy.hidden=[4, 5]", [4, 5]),
        ("warm_start=null", None),
        ("warm_start=", None),
    ],
)
def test_text_is_taken_as_it_stands_and_all_else_as_yaml(override: str, value: object) -> None:
    values: Any = override_values([override])
    for part in override.partition("=")[0].split("."):
        values = values[part]
    assert values == value


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: calls.clone("a", {"strategy": {"radius": INF}}, None), "overrides.strategy.radius"),
        (
            lambda: calls.clone("a", {"curriculum": [{"until": -INF}]}, None),
            "overrides.curriculum.0.until",
        ),
        (lambda: calls.change("a", {"stop": {"test_return": -INF}}), "stop.test_return"),
        (lambda: calls.change("a", {"share": INF}), "share"),
        (lambda: calls.clone("a", {"seed": object()}, None), "body"),
        (lambda: calls.submit(cartpole_values(), "ü"), "key"),
        (lambda: calls.submit(cartpole_values(), "a\nb"), "key"),
    ],
)
def test_what_json_cannot_say_is_refused_before_it_is_sent_and_never_left_out(
    call: Callable[[], object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        call()
    assert refused.value.errors[0].field == field


def test_tuples_are_sent_as_lists() -> None:
    assert calls.clone("a", {"policy": {"hidden": (4, 5)}}, None).json["overrides"] == {
        "policy": {"hidden": [4, 5]}
    }


@pytest.mark.parametrize("call", [calls.experiment, calls.pause, calls.study, calls.stop_study, calls.strategy])
@pytest.mark.parametrize("nobody", ["", "a/b", "..", "."])
def test_an_id_that_is_none_is_nobody_s_and_no_other_endpoint_s(
    call: Callable[[str], object], nobody: str
) -> None:
    with pytest.raises(NotFound, match=f"there is no [a-z]+ '{nobody}'"):
        call(nobody)


def test_of_several_files_the_wrong_one_is_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(yaml.safe_dump(cartpole_values()))
    bad.write_text(yaml.safe_dump(cartpole_values() | {"population_size": -1}))
    with pytest.raises(InvalidInput, match=f"{bad}: population_size: "):
        load_specs([good, bad])
    with pytest.raises(InvalidInput, match=r"^population_size: "):
        load_specs([bad])

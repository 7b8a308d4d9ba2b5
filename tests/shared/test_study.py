"""What a study's specification stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.study import HalvingSpec, read_study
from tests.master.studies.test_plan import study
from tests.specs import cartpole_values


def test_trials_are_the_grid_of_all_values_in_a_fixed_order() -> None:
    spec = study(
        axes=[{"field": "strategy.radius", "values": [1, 2]}, {"field": "population_size", "values": [8, 16]}]
    )
    assert spec.trials() == [
        {"strategy.radius": 1, "population_size": 8},
        {"strategy.radius": 1, "population_size": 16},
        {"strategy.radius": 2, "population_size": 8},
        {"strategy.radius": 2, "population_size": 16},
    ]


def test_a_study_without_axes_is_one_setting_over_seeds() -> None:
    spec = study(axes=[], seeds=[3, 5])
    assert (spec.trials(), spec.trial_count, spec.seed_list) == ([{}], 1, [3, 5])


def test_drawn_trials_lie_in_their_ranges_and_never_change() -> None:
    axes = [
        {"field": "strategy.radius", "low": 0.1, "high": 10, "scale": "log"},
        {"field": "population_size", "low": 4, "high": 64, "integer": True},
        {"field": "episode_seeds", "values": ["pair", "member"]},
    ]
    spec = study(axes=axes, draws=200)
    trials = spec.trials()
    assert trials == study(axes=axes, draws=200).trials()
    assert trials != study(axes=axes, draws=200, draw_seed=1).trials()
    radii = sorted(float(trial["strategy.radius"]) for trial in trials)  # type: ignore[arg-type]
    assert 0.1 <= radii[0] < radii[-1] <= 10
    assert 0.5 < radii[100] < 2  # the middle of a log range is its geometric mean
    assert all(isinstance(trial["population_size"], int) for trial in trials)
    assert {trial["episode_seeds"] for trial in trials} == {"pair", "member"}


def test_rungs_grow_by_what_is_kept_and_end_at_the_budget() -> None:
    assert study().rungs() == [900]
    assert study(halving={"first_environment_steps": 100, "keep": 0.5}).rungs() == [100, 200, 400, 800, 900]


def test_a_specification_that_stops_before_the_budget_does_is_where_the_rungs_end() -> None:
    spec = study(specification=cartpole_values() | {"stop": {"environment_steps": 300}})
    assert spec.rungs() == [300]
    spec = spec.model_copy(update={"halving": HalvingSpec(first_environment_steps=100, keep=0.4)})
    assert spec.rungs() == [100, 250, 300]
    assert [spec.experiment(0, 0, steps).stop.environment_steps for steps in spec.rungs()] == spec.rungs()
    assert study(specification=cartpole_values() | {"stop": {"environment_steps": 2000}}).rungs() == [900]


@pytest.mark.parametrize("stop", [{"environment_steps": "many"}, {"environment_steps": 0}, [1], "never"])
def test_a_stop_that_is_none_is_refused_by_its_name(stop: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        study(specification=cartpole_values() | {"stop": stop}).check()
    assert "specification.stop" in str(refused.value)


def test_steps_are_no_axis_as_trials_are_compared_at_equal_ones() -> None:
    with pytest.raises(InvalidInput, match="all trials train for as many steps"):
        study(axes=[{"field": "stop.environment_steps", "values": [100, 900]}]).check()


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ({"field": "seed", "values": [1, 2]}, "axes.0.field: every run has its own"),
        ({"field": "name", "values": ["a", "b"]}, "axes.0.field: every run has its own"),
        ({"field": "population_size", "values": [8, 8]}, "axes.0.values: the same value twice"),
    ],
)
def test_an_axis_along_which_no_two_trials_differ_is_refused(axis: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        study(axes=[axis]).check()


def test_of_values_that_are_drawn_one_may_stand_twice_and_is_likelier() -> None:
    study(axes=[{"field": "population_size", "values": [8, 8, 16]}], draws=3).check()


def test_a_path_that_no_file_can_have_is_refused_and_not_tripped_over(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text('{"name": "x", "specification": "a\\u0000b", "budget": {"environment_steps": 1}}')
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_study(file)


def test_the_most_steps_are_those_of_all_runs_as_fewer_and_fewer_go_on() -> None:
    halving = {"first_environment_steps": 100, "keep": 1 / 3}
    assert study().most_steps == 4 * 2 * 900
    assert study(halving=halving).most_steps == 2 * (4 * 100 + 2 * 200 + 1 * 600)
    assert study(halving=halving | {"among": "runs"}).most_steps == 8 * 100 + 3 * 200 + 1 * 600


def test_a_run_is_an_ordinary_experiment_with_its_seed_and_values() -> None:
    spec = study().experiment(trial=2, seed=1, environment_steps=500)
    assert (spec.name, spec.seed, spec.stop.environment_steps) == ("radius-2-1", 1, 500)
    assert spec.strategy.model_dump()["radius"] == 3
    assert spec.stop.generations == 6  # what the specification says itself stays


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"axes": [{"field": "seed"}]}, "needs either values, or low and high"),
        ({"axes": [{"field": "x", "low": 2, "high": 1}]}, "must be below high"),
        ({"axes": [{"field": "x", "low": 0, "high": 1, "scale": "log"}]}, "above 0 on a log scale"),
        ({"axes": [{"field": "x", "low": 0, "high": 1}]}, "so many trials are drawn"),
        ({"axes": [{"field": "x", "values": [1]}, {"field": "x", "values": [2]}]}, "the same field"),
        ({"seeds": [1, 1]}, "the same seed twice"),
        ({"seeds": 1000, "axes": [{"field": "x", "values": list(range(100))}]}, "over the limit"),
        ({"halving": {"first_environment_steps": 1000}}, "more than the budget"),
        ({"halving": {"first_environment_steps": 1, "keep": 0.9999999999}}, "less than or equal to 0.9"),
    ],
)
def test_a_study_that_makes_no_sense_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        study(**changes)


def test_a_value_that_does_not_fit_is_named_with_its_field_and_trial() -> None:
    spec = study(axes=[{"field": "population_size", "values": [16, 7]}])
    with pytest.raises(InvalidInput) as refused:
        spec.check()
    assert str(refused.value).startswith("specification.population_size")
    assert "population_size=7" in str(refused.value)


def test_a_file_may_name_the_file_of_its_specification(tmp_path: Path) -> None:
    values = study().model_dump(mode="json", exclude_unset=True)
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(values["specification"]))
    (tmp_path / "studies").mkdir()
    file = tmp_path / "studies" / "radius.yaml"
    file.write_text(yaml.safe_dump(values | {"specification": "../base.yaml"}))
    assert read_study(file) == study()
    file.write_text(yaml.safe_dump(values | {"specification": "base.yaml"}))
    with pytest.raises(InvalidInput, match=r"studies/base\.yaml: No such file"):
        read_study(file)


@pytest.mark.parametrize("text", ["", "7", "[1]", "name: {", "specification: 3"])
def test_a_file_that_holds_no_study_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput):
        read_study(file)


@pytest.mark.parametrize("file", sorted(Path("configs/studies").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_study_that_is_shipped_can_be_started(file: Path) -> None:
    read_study(file).check()


def test_the_walkers_starts_leave_one_that_goes_on() -> None:
    spec = read_study("configs/studies/bipedal_walker.yaml")
    assert spec.halving is not None
    assert (len(spec.candidates()), spec.halving.kept(3)) == (3, 1)

"""Stages of a specification: what differs in each, and when it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seedcast.services.master.experiments.changes import Changes
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.curriculum import StageEndSpec
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.parse import parse_spec
from tests.specs import cartpole, cartpole_values


def staged(*stages: dict[str, Any], **changes: Any) -> ExperimentSpec:
    return cartpole(curriculum=list(stages), **changes)


def refusal(*stages: dict[str, Any], **changes: Any) -> str:
    with pytest.raises(InvalidInput) as refused:
        parse_spec(json.dumps(cartpole_values() | {"curriculum": list(stages)} | changes))
    return str(refused.value)


def test_a_stage_differs_in_what_it_gives_and_the_task_itself_comes_last() -> None:
    spec = staged(
        {"until": {"generations": 2}, "fitness": {"episode_cap": {"minimum": 20}}, "episodes_per_member": 1},
        {"until": {"generations": 4}, "strategy": {"fitness_shaping": "z_score"}, "population_size": 8},
        fitness={"drop_terminal_penalty": 100},
    )
    first, second, task = spec.stages
    assert task is spec
    assert (first.episodes_per_member, second.episodes_per_member, task.episodes_per_member) == (1, 2, 2)
    assert (first.population_size, second.population_size, task.population_size) == (16, 8, 16)
    assert first.fitness.episode_cap is not None
    assert second.fitness.episode_cap is None
    assert {stage.fitness.drop_terminal_penalty for stage in spec.stages} == {100}  # merged, not replaced
    assert (spec.largest_population, spec.largest_generation) == (16, 32)


def test_null_in_a_stage_takes_out_what_the_specification_has() -> None:
    spec = staged(
        {"until": {"generations": 2}, "fitness": {"drop_terminal_penalty": None}},
        fitness={"drop_terminal_penalty": 100},
    )
    assert spec.stage(0).fitness.drop_terminal_penalty is None


def test_null_takes_out_what_the_constructor_of_another_environment_would_not_take() -> None:
    course = {"id": "BipedalWalkerCourse-v0", "kwargs": {"stumps": 3}}
    hardcore = {"id": "BipedalWalkerHardcore-v3", "engine": "envpool"}
    with_them = staged({"until": {"generations": 2}, "environment": hardcore}, environment=course)
    without = staged({"until": {"generations": 2}, "environment": hardcore | {"kwargs": None}}, environment=course)
    assert with_them.stage(0).rollouts.environment.kwargs == {"stumps": 3}
    assert without.stage(0).rollouts.environment.kwargs == {}
    assert without.rollouts.environment.kwargs == {"stumps": 3}
    assert ExperimentSpec.model_validate_json(without.model_dump_json()) == without


def test_the_largest_stage_counts_as_the_size_of_the_experiment() -> None:
    spec = staged({"until": {"generations": 2}, "population_size": 64, "episodes_per_member": 1})
    assert (spec.largest_population, spec.largest_generation) == (64, 64)


def test_stages_survive_the_json_that_a_specification_is_kept_as() -> None:
    spec = staged({"until": {"test_return": 90.0}, "environment": {"max_episode_steps": 50}})
    kept = ExperimentSpec.model_validate_json(spec.model_dump_json())
    assert kept == spec
    assert kept.stage(0).rollouts.environment.max_episode_steps == 50


@pytest.mark.parametrize(
    ("stage", "named"),
    [
        ({"until": {}}, "curriculum.0.until: a stage needs an end"),
        ({"until": {"generations": 2}, "fitness": {"agregate": "min"}}, "curriculum.0.fitness.agregate"),
        ({"until": {"generations": 2}, "population_size": 7}, "curriculum.0.population_size: mirrored sampling"),
        (
            {"until": {"generations": 2}, "strategy": {"name": "pepg"}},
            "curriculum.0.strategy.name: the strategy stays",
        ),
        ({"until": {"generations": 2}, "policy": {"name": "mlp"}}, "curriculum.0.policy"),
        ({}, "curriculum.0.until"),
    ],
)
def test_a_stage_that_breaks_a_rule_is_refused_by_its_field(stage: dict[str, Any], named: str) -> None:
    assert named in refusal(stage)


@pytest.mark.parametrize(
    ("end", "over"),
    [
        ({"generations": 10}, True),
        ({"generations": 11}, False),
        ({"environment_steps": 500}, True),
        ({"environment_steps": 501}, False),
        ({"training_return": -3.0}, True),
        ({"training_return": -2.9}, False),
        ({"test_return": 80.0}, True),
        ({"test_return": 80.1}, False),
        ({"generations": 11, "test_return": 80.0}, True),
    ],
)
def test_a_stage_is_over_at_the_first_end_that_is_reached(end: dict[str, Any], over: bool) -> None:
    until = StageEndSpec.model_validate(end)
    assert until.reached(10, 500, training_return=-3.0, test_return=80.0) is over


def test_a_test_return_is_not_reached_before_there_was_a_test() -> None:
    assert not StageEndSpec(test_return=-1e9).reached(10, 500, training_return=0.0, test_return=None)


@pytest.mark.parametrize("count", ["generations", "environment_steps"])
def test_a_stage_ends_after_those_before_it_as_it_counts_the_whole_run(count: str) -> None:
    first, between, last = {"until": {count: 20}}, {"until": {"test_return": 90.0}}, {"until": {count: 20}}
    named = f"curriculum.2.until.{count}: it counts the whole run, and an earlier stage ends at 20"
    assert named in refusal(first, between, last)
    staged(first, between, {"until": {count: 21}})


def test_an_experiment_whose_stages_were_taken_in_out_of_order_is_read_and_changed_as_before() -> None:
    """Earlier versions took them: what is stored stays readable, and only what is new is refused."""
    out_of_order = staged({"until": {"generations": 20}}, {"until": {"generations": 20}})
    stored = ExperimentSpec.model_validate_json(out_of_order.model_dump_json())
    assert Changes(name="renamed").applied_to(stored).name == "renamed"
    assert "an earlier stage ends at 20" in refusal(*[{"until": {"generations": 20}}] * 2)

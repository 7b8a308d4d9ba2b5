"""Specifications of objectives, and what is refused of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model, ModelMetadata
from seedcast.shared.objective import objective
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec
from seedcast.shared.spec.parse import check_spec
from tests.specs import cartpole_values


def sphere_values(**changes: Any) -> dict[str, Any]:
    values = {
        "name": "ball",
        "objective": {"id": "sphere", "kwargs": {"dimension": 4}},
        "strategy": {"name": "snes"},
        "population_size": 8,
    }
    return values | changes


def test_an_objective_stands_in_place_of_an_environment_and_a_policy() -> None:
    spec = check_spec(sphere_values())
    assert spec.task_id == "sphere"
    assert spec.timeout_seconds == 60
    with pytest.raises(InvalidInput, match="has no environment"):
        _ = spec.rollouts


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy": {"name": "linear"}}, "objective: stands beside environment or policy: give either"),
        ({"objective": None}, "environment: is missing: give either environment and policy, or objective"),
        ({"stop": {"test_return": 1.0}}, "stop.test_return: is of environments; of an objective it is value"),
        ({"fitness": {"subtract_per_step": 1.0}}, "fitness.subtract_per_step: is of episodes"),
        ({"fitness": {"episode_cap": {"minimum": 9}}}, "fitness.episode_cap: is of episodes"),
        (
            {"curriculum": [{"until": {"generations": 1}, "environment": {"id": "CartPole-v1"}}]},
            "curriculum.0.objective: stands beside",
        ),
    ],
)
def test_what_does_not_fit_an_objective_is_refused_with_what_to_do(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_spec(sphere_values(**changes))


@pytest.mark.parametrize("missing", ["environment", "policy"])
def test_an_environment_needs_a_policy_and_a_policy_an_environment(missing: str) -> None:
    with pytest.raises(InvalidInput, match=f"{missing}: is missing"):
        check_spec({name: value for name, value in cartpole_values().items() if name != missing})


def test_a_value_to_stop_at_is_of_objectives() -> None:
    with pytest.raises(InvalidInput, match=r"stop\.value: is of objectives; of an environment it is test_return"):
        check_spec(cartpole_values() | {"stop": {"value": 1.0}})


def test_a_stage_may_have_other_kwargs_of_the_objective() -> None:
    stage = {"until": {"generations": 1}, "objective": {"kwargs": {"instance": 2}}}
    spec = ExperimentSpec.model_validate(sphere_values(curriculum=[stage]))
    assert spec.stage(0).objective == ObjectiveSpec(id="sphere", kwargs={"dimension": 4, "instance": 2})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"initial_mean": [0.0, 0.0]}, "initial_mean: needs 3 numbers, has 2"),
        ({"lower": 1.0, "upper": 1.0, "initial_mean": 1.0}, "each lower bound must be below"),
        ({"lower": 1.0}, "initial_mean: must lie within the bounds"),
        ({"direction": "up"}, "direction"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(changes: dict[str, Any], said: str) -> None:
    values = {"dimension": 3, "direction": "minimise", "noisy": False}
    with pytest.raises(ValidationError, match=said):
        ObjectiveDescription.model_validate(values | changes)


def test_a_model_of_a_bounded_objective_holds_the_point_in_the_box() -> None:
    described = ObjectiveDescription(dimension=2, direction="minimise", noisy=False, lower=-1.0, upper=[1.0, None])
    metadata = ModelMetadata(objective=ObjectiveSpec(id="x"), description=described)
    model = Model(parameters=np.array([30.0, -0.5], np.float32), normaliser=None, metadata=metadata)
    solution = model.solution
    assert (np.abs(solution) <= 1).all()
    assert solution[1] == np.float32(-0.5)
    with pytest.raises(InvalidInput, match="acts in no environment"):
        model.policy()


def test_a_function_that_forgets_its_return_is_told_so() -> None:
    forgetful = objective(lambda _: None, 3)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="returned None in place of a number"):
        forgetful.evaluate(np.zeros((1, 3), np.float32), np.zeros(1, np.int32))

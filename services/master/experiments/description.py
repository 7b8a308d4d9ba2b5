"""What a specification's environments, or its objective, are, asked of a worker."""

from __future__ import annotations

import logging

from seedcast.services.master.fleet.fleet import Fleet
from seedcast.shared.errors import Busy, InvalidInput
from seedcast.shared.spec.environment import EnvironmentDescription
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec
from seedcast.shared.spec.task import TaskDescription

log = logging.getLogger(__name__)


async def describe(spec: ExperimentSpec, fleet: Fleet) -> TaskDescription | None:
    """Return what the task's environment or objective is; None where no worker is ready.

    Raises:
        Busy: the workers that are ready cannot tell now.
        InvalidInput: no worker has it, it does not follow its seed, or a stage trains in one whose observations or
            actions are others.
    """
    if spec.objective is not None:
        return await _describe_objective(spec, spec.objective, fleet)
    task = await fleet.describe(spec.rollouts.environment)
    if task is None:
        return None
    _refuse_seed_fault(spec, task, "environment.id")
    for number, stage in enumerate(spec.stages[:-1]):
        if not spec.curriculum[number].environment:
            continue
        environment = stage.rollouts.environment
        # On the task's engine, where it will run.
        there = await fleet.describe(environment.model_copy(update={"engine": task.engine}))
        if there is not None and (there.observation_size, there.actions) != (task.observation_size, task.actions):
            reason = "its observations or actions are not those of the task: one policy has to fit both"
            raise InvalidInput.of(f"curriculum.{number}.environment", reason, environment.id)
        if there is not None:
            _refuse_seed_fault(spec, there, f"curriculum.{number}.environment")
    return task


async def _describe_objective(
    spec: ExperimentSpec, objective: ObjectiveSpec, fleet: Fleet
) -> ObjectiveDescription | None:
    task = await fleet.describe(objective)
    for number, stage in enumerate(spec.stages[:-1]):
        if task is None or stage.objective is None or not spec.curriculum[number].objective:
            continue
        there = await fleet.describe(stage.objective)
        if there is not None and _meaning(there) != _meaning(task):
            reason = "its dimension, direction or bounds are not those of the task"
            raise InvalidInput.of(f"curriculum.{number}.objective", reason, stage.objective.id)
    return task


def _meaning(description: ObjectiveDescription) -> tuple[object, ...]:
    return description.dimension, description.direction, description.lower, description.upper


async def describe_if_possible(spec: ExperimentSpec, fleet: Fleet) -> TaskDescription | None:
    """Return what the task's environment or objective is; None where no worker can tell now.

    Raises:
        InvalidInput: as `describe`.
    """
    try:
        return await describe(spec, fleet)
    except Busy as busy:
        log.warning("%s is taken in without a description of its environment: %s", spec.name, busy)
        return None


def _refuse_seed_fault(spec: ExperimentSpec, found: EnvironmentDescription, field: str) -> None:
    if found.seed_fault and spec.determinism == "strict":
        use = "determinism: relaxed uses it all the same"
        raise InvalidInput.of(field, f"does not follow its seed: {found.seed_fault}; {use}")

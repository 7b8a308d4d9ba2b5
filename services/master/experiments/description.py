"""What a specification's environments are, asked of a worker."""

from __future__ import annotations

import logging

from services.master.fleet.fleet import Fleet
from shared.errors import Busy, InvalidInput
from shared.spec.environment import EnvironmentDescription
from shared.spec.experiment import ExperimentSpec

log = logging.getLogger(__name__)


async def describe(spec: ExperimentSpec, fleet: Fleet) -> EnvironmentDescription | None:
    """Return what the task's environment is; None where no worker is ready.

    Raises:
        Busy: the workers that are ready cannot tell now.
        InvalidInput: no worker has it, it does not follow its seed, or a stage trains in one whose observations or
            actions are others.
    """
    task = await fleet.describe(spec.environment)
    if task is None:
        return None
    _refuse_seed_fault(spec, task, "environment.id")
    for number, stage in enumerate(spec.stages[:-1]):
        if not spec.curriculum[number].environment:
            continue
        # On the task's engine, where it will run.
        there = await fleet.describe(stage.environment.model_copy(update={"engine": task.engine}))
        if there is not None and (there.observation_size, there.actions) != (task.observation_size, task.actions):
            reason = "its observations or actions are not those of the task: one policy has to fit both"
            raise InvalidInput.of(f"curriculum.{number}.environment", reason, stage.environment.id)
        if there is not None:
            _refuse_seed_fault(spec, there, f"curriculum.{number}.environment")
    return task


async def describe_if_possible(spec: ExperimentSpec, fleet: Fleet) -> EnvironmentDescription | None:
    """Return what the task's environment is; None where no worker can tell now.

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

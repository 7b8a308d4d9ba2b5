"""What a specification's environments, or its objective, are, asked of a worker."""

from __future__ import annotations

import logging
from typing import overload

from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import ROLLOUTS, Worker
from seedcast.shared.errors import Busy, InvalidInput, SeedcastError
from seedcast.shared.spec.curriculum import refuse_other_spaces, refused_of_stage
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
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
    task = await ask(spec.rollouts.environment, fleet)
    if task is None:
        return None
    _refuse_seed_fault(spec, task, "environment.id")
    for number, stage in enumerate(spec.stages[:-1]):
        if not spec.curriculum[number].environment:
            continue
        environment = stage.rollouts.environment
        with refused_of_stage(number):
            there = await ask(environment.on(task.engine), fleet)
        if there is not None:
            refuse_other_spaces(number, environment.id, there, task)
            _refuse_seed_fault(spec, there, f"curriculum.{number}.environment")
    return task


async def _describe_objective(
    spec: ExperimentSpec, objective: ObjectiveSpec, fleet: Fleet
) -> ObjectiveDescription | None:
    task = await ask(objective, fleet)
    for number, stage in enumerate(spec.stages[:-1]):
        if task is None or stage.objective is None or not spec.curriculum[number].objective:
            continue
        with refused_of_stage(number):
            there = await ask(stage.objective, fleet)
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


@overload
async def ask(task: EnvironmentSpec, fleet: Fleet) -> EnvironmentDescription | None: ...
@overload
async def ask(task: ObjectiveSpec, fleet: Fleet) -> ObjectiveDescription | None: ...
async def ask(task: EnvironmentSpec | ObjectiveSpec, fleet: Fleet) -> TaskDescription | None:
    """Ask the ready workers, in turn, what an environment or objective is; None where none is ready.

    Nobody is asked what one of them has said before.

    Raises:
        InvalidInput: none of them has it, or its arguments are refused.
        Busy: none of them can tell now; it says why, and when to ask again.
    """
    refusal: InvalidInput | None = None
    troubles: list[str] = []
    retry_after: list[int] = []
    workers = _having(task, fleet.ready)
    for worker in workers:
        if (told := worker.told(task)) is not None:
            return told
    for worker in workers:
        try:
            return await worker.describe(task)
        except InvalidInput as error:
            refusal = error
        except SeedcastError as error:
            troubles.append(f"{worker.url}: {error}")
            retry_after.append(error.retry_after if isinstance(error, Busy) else 0)
    if refusal is not None:
        raise _under_task(refusal, "objective" if isinstance(task, ObjectiveSpec) else "environment")
    if troubles:
        more = f" (and {len(troubles) - 1} more workers)" if troubles[1:] else ""
        raise Busy(f"no worker can describe {task.id} now; {troubles[0]}{more}", min(retry_after))
    return None


def _having(task: EnvironmentSpec | ObjectiveSpec, ready: list[Worker]) -> list[Worker]:
    """Return the ready workers that may know a task.

    Raises:
        InvalidInput: there are ready workers, and none has the objective, or any environment.
    """
    needs = ROLLOUTS if isinstance(task, EnvironmentSpec) else task.id
    having = [worker for worker in ready if needs in worker.offers]
    if having or not ready:
        return having
    if isinstance(task, EnvironmentSpec):
        raise InvalidInput.of("environment.id", "no worker has any environment", task.id)
    infos = [worker.info for worker in ready if worker.info]
    for plugin in (plugin for info in infos for plugin in info.broken_plugins):
        if (plugin.group, plugin.name) == ("seedcast.objectives", task.id):
            raise InvalidInput.of("objective.id", f"cannot be used: {plugin.broken}", task.id)
    known = sorted({one for info in infos for one in info.objectives})
    reason = f"is no objective of any worker; they have {', '.join(known) or 'none'}"
    raise InvalidInput.of("objective.id", reason, task.id)


def _under_task(refusal: InvalidInput, task: str) -> InvalidInput:
    """Name what a worker refuses as the specification does."""
    error = refusal.errors[0]
    field_name = error.field if error.field.startswith(task) else f"{task}.{error.field}"
    return InvalidInput.of(field_name, error.reason, error.value)

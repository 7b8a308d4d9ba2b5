"""Other stages for a run that is under way: what it has trained stays what its specification says.

The same specification from the start has to give the same run, so nothing changes before the present generation.
"""

from __future__ import annotations

from seedcast.services.master.experiments.changes import Changes
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.storage.history import History
from seedcast.services.master.storage.records import GenerationRecord
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.experiment import ExperimentSpec


async def refuse_other_stages(history: History, experiment: Experiment, changes: Changes) -> None:
    """Refuse a change of stages by which a run would not have come to where it is.

    Raises:
        InvalidInput: as `refuse_another_past`.
    """
    if changes.curriculum is None:
        return
    last = await history.generations(experiment.id, experiment.generation - 1, limit=1)
    if not last:  # nothing has been trained
        return
    test = await history.last_test_before(experiment.id, experiment.generation)
    stage = stage_after(experiment.spec, last[0], test.returns.mean if test else None, experiment.sign)
    before = changes.model_copy(update={"curriculum": None}).applied_to(experiment.spec)
    after = changes.applied_to(experiment.spec)
    refuse_another_past(before, after, stage, experiment.generation, experiment.environment_steps)


def stage_after(spec: ExperimentSpec, last: GenerationRecord, test_return: float | None, sign: int) -> int:
    """Return the stage that comes after a run's last generation; ``test_return`` is of the last test before it."""
    if last.stage == len(spec.curriculum):
        return last.stage
    until = spec.curriculum[last.stage].until
    steps, training_return = last.environment_steps, last.returns.mean
    return last.stage + until.reached(last.generation, steps, training_return, test_return, sign)


def refuse_another_past(
    before: ExperimentSpec, after: ExperimentSpec, stage: int, generation: int, environment_steps: int
) -> None:
    """Refuse stages by which a run would not have come to where it is: in ``stage``, after so much training.

    Raises:
        InvalidInput: a stage that is over is another one, the present one has other settings, or would have ended.
    """
    for number in range(stage):
        if before.curriculum[number : number + 1] != after.curriculum[number : number + 1]:
            raise InvalidInput.of(f"curriculum.{number}", "this stage is over, and has to stay as it was")
    if _without_curriculum(before.stage(stage)) != _without_curriculum(after.stage(stage)):
        reason = "the run is in this stage: only its end can be changed; add a stage behind it"
        raise InvalidInput.of(f"curriculum.{stage}", reason)
    if stage == len(after.curriculum):
        return
    was = before.curriculum[stage].until if stage < len(before.curriculum) else None
    until, field = after.curriculum[stage].until, f"curriculum.{stage}.until"
    for name, count in (("generations", generation), ("environment_steps", environment_steps)):
        limit = getattr(until, name)
        if limit is not None and limit <= count:
            raise InvalidInput.of(f"{field}.{name}", f"the run has {count} by now: give more, got {limit}", limit)
    for name in ("training_return", "test_return"):
        limit = getattr(until, name)
        if limit is not None and limit != getattr(was, name, None):
            reason = "the run is in this stage: end it by generations or environment_steps, counted from its start"
            raise InvalidInput.of(f"{field}.{name}", reason, limit)


def _without_curriculum(spec: ExperimentSpec) -> dict[str, object]:
    return spec.model_dump(exclude={"curriculum"})

"""What an experiment waits for before it trains: a worker that knows its task, and machines to be bound to."""

from __future__ import annotations

import asyncio

from seedcast.services.master.experiments.description import describe
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import ROLLOUTS
from seedcast.services.master.pauses import Pauses
from seedcast.shared.errors import Busy
from seedcast.shared.spec.task import TaskDescription

LONGEST_UNDESCRIBED_SECONDS = 10.0
"""So often at least workers are asked that could not describe an environment, unless they want a longer pause."""

LOOK_SECONDS = 1.0
"""How often to look whether a worker with the objective has come, while others are ready."""


async def description_of(
    experiment: Experiment, repository: ExperimentRepository, fleet: Fleet
) -> TaskDescription:
    """Return what the environment or objective is, waiting for a worker that can tell; it is kept.

    Raises:
        InvalidInput: no worker has it, or it cannot be trained in.
    """
    description = experiment.description
    pauses = Pauses(f"experiment {experiment.id}", longest_seconds=LONGEST_UNDESCRIBED_SECONDS)
    while description is None or not fleet.ready:
        if not fleet.ready:
            await repository.set_status(experiment.id, Status.WAITING, "no worker answers")
        await fleet.wait_until_ready()
        try:
            if description is None and (description := await describe(experiment.spec, fleet)):
                await repository.describe(experiment.id, description)
        except Busy as busy:
            await repository.set_status(experiment.id, Status.WAITING, str(busy))
            await pauses.wait(str(busy), busy.retry_after)
    pauses.over()
    return description


async def machines_of(experiment: Experiment, repository: ExperimentRepository, fleet: Fleet) -> str | None:
    """Return the fingerprint that the experiment began with, or begins with now; None where any will do."""
    if experiment.spec.determinism == "relaxed":
        return None
    needs = experiment.spec.objective.id if experiment.spec.objective else ROLLOUTS
    while not (bound := (await repository.get(experiment.id)).fingerprints):
        await fleet.wait_until_ready()
        if (commonest := fleet.commonest_fingerprint(needs)) is not None:
            await repository.bind(experiment.id, commonest)
        else:
            await asyncio.sleep(LOOK_SECONDS)  # those that are ready do not have the objective
    return bound[0]

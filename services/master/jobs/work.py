"""How a job is done: the episodes of a model, played by the fleet or filmed by one worker."""

from __future__ import annotations

import asyncio

import numpy as np

from seedcast.services.master.dispatch.batch import Batch
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.evolution.generation import summarise, test_returns
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import ROLLOUTS
from seedcast.services.master.fleet.worker_client import WorkerLost
from seedcast.services.master.jobs.schemas import Job, JobResult
from seedcast.shared.errors import Busy, InvalidInput
from seedcast.shared.model import Model, ModelMetadata
from seedcast.shared.protocol import UnitHeader
from seedcast.shared.seeding import Purpose, episode_seeds

PATIENCE_SECONDS = 20.0
"""For so long a film waits for an idle slot; then it stands in a worker's queue like a unit."""
PAUSE_SECONDS = 1.0
MOST_LOST = 3
"""So many workers may be lost with a film before it is given up: it may be what kills them."""


async def evaluate(job: Job, model: Model, dispatcher: Dispatcher) -> JobResult:
    """Play a model's episodes on the fleet, behind what trains.

    Raises:
        BatchFailed: no episode can be had of the environment.
    """
    batch = _batch(job, model)
    result = await dispatcher.run(batch)
    returns, failed = test_returns(result, "worst")
    return JobResult(
        generation=model.metadata.generation,
        returns=summarise(returns),
        episode_returns=returns.tolist(),
        failed_episodes=int(failed.sum()),
        mean_length=result.mean_length,
        fingerprints=sorted(result.fingerprints),
    )


async def film(job: Job, model: Model, fleet: Fleet) -> tuple[bytes, float]:
    """Have the first of a model's episodes filmed; return the MP4 file and the episode's return.

    Raises:
        InvalidInput: no worker can film it.
        WorkerLost: workers are lost with it.
    """
    batch = _batch(job, model)
    frame = await asyncio.to_thread(lambda: batch.unit(range(1)).to_frame())
    loop = asyncio.get_running_loop()
    begun, lost = loop.time(), 0
    while True:
        await fleet.wait_until_ready()
        refusals: list[InvalidInput] = []
        able = [worker for worker in fleet.ready if ROLLOUTS in worker.offers]
        workers = sorted(able, key=lambda worker: worker.in_flight)
        for worker in workers:
            queue = loop.time() - begun > PATIENCE_SECONDS
            try:
                return await worker.client.film(frame, batch.header.timeout_seconds, queue=queue)
            except Busy:
                continue
            except InvalidInput as refusal:  # another may have what this one lacks
                refusals.append(refusal)
            except WorkerLost:
                if (lost := lost + 1) >= MOST_LOST:
                    raise
        if refusals and len(refusals) == len(workers):
            raise refusals[0]
        await asyncio.sleep(PAUSE_SECONDS)


def _batch(job: Job, model: Model) -> Batch:
    """Return the episodes that `seedcast evaluate` plays of the same model with the same seed."""
    metadata = model.metadata
    parameters: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = model.parameters[None, :]
    return Batch(
        experiment=job.experiment_id,
        header=_header(metadata),
        members=lambda _start, _stop: parameters,
        seeds=episode_seeds(job.seed, Purpose.TEST_EPISODES, 0, 1, job.episodes),
        normaliser=model.normaliser,
        background=True,
    )


def _header(metadata: ModelMetadata) -> UnitHeader:
    if metadata.objective is not None:
        return UnitHeader(objective=metadata.objective, test=True)
    environment, policy = metadata.rollouts
    return UnitHeader(
        environment=environment.model_copy(update={"engine": metadata.spaces.engine}),
        policy=policy.model_copy(update={"action_noise": 0.0}),
    )

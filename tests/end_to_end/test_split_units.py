"""Units that take several slots of a worker come to the same results."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from seedcast.services.master.dispatch.batch import Batch, BatchResult
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.dispatch.request_cost import RequestCost
from seedcast.services.master.fleet.discovery import parse_workers
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker_client import WorkerClient
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.processes import worker
from tests.units import unit

ROLLOUTS = 400


class WatchedClient(WorkerClient):
    """Remembers for how many slots each unit was."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.slots: list[int] = []

    async def rollouts(self, frame: bytes, timeout_seconds: float, slots: int = 1) -> bytes:
        self.slots.append(slots)
        return await super().rollouts(frame, timeout_seconds, slots)


class StatedCost(RequestCost):
    """Measures nothing: what the tuning says of a request stands, however busy the machine is."""

    def look(self) -> float | None:
        return None


def batch() -> Batch:
    whole = unit(EnvironmentSpec(id="CartPole-v1"), range(ROLLOUTS))
    rows = np.asarray(whole.parameters)
    return Batch("e", whole.header, lambda start, stop: rows[start:stop], whole.seeds[:, None])


async def computed(url: str, request_seconds: float) -> tuple[BatchResult, set[int]]:
    """Return what the second of two equal batches comes to, and for how many slots its units were."""
    client = WatchedClient(url)
    fleet = Fleet(parse_workers(url), lambda _: client)
    tuning = Tuning(unit_seconds=0.01, minimum_unit_seconds=0.001, request_seconds=request_seconds)
    dispatcher = Dispatcher(fleet, tuning, StatedCost())
    watching = asyncio.create_task(fleet.run())
    try:
        await fleet.wait_until_ready()
        await dispatcher.run(batch())  # from here on it is known what a rollout takes
        client.slots.clear()
        return await dispatcher.run(batch()), set(client.slots)
    finally:
        watching.cancel()
        await dispatcher.close()
        await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.slow
def test_a_busy_master_has_units_split_and_gets_the_same_bits(tmp_path: Path) -> None:
    with worker(tmp_path, slots=3) as running:
        single, ones = asyncio.run(computed(running.url, 0.0))
        split, several = asyncio.run(computed(running.url, 1.0))
    assert ones == {1}
    assert max(several) == 3
    assert not single.failures
    assert not split.failures
    np.testing.assert_array_equal(split.returns, single.returns)
    np.testing.assert_array_equal(split.lengths, single.lengths)

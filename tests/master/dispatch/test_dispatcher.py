"""The dispatcher and its HTTP client against stub workers on loopback that misbehave in every way HTTP allows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seedcast.services.master.dispatch import dispatcher as dispatching
from seedcast.services.master.dispatch.batch import Batch, BatchFailed
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.fleet.discovery import parse_workers
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker_client import NoReply, WorkerClient
from tests.master.dispatch import stub_worker
from tests.master.dispatch.stub_worker import Fault, StubWorker
from tests.processes import PATIENCE
from tests.simulation.virtual_fleet import batch, check

FAULTS = ["reset", "truncate", "corrupt", "fail", "busy", "crash", "stray"]


@asynccontextmanager
async def running(*workers: StubWorker) -> AsyncIterator[Dispatcher]:
    """Serve the workers, and wait until all of them are ready."""
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        fleet = Fleet(parse_workers(",".join(worker.url for worker in workers)))
        dispatcher = Dispatcher(fleet)
        watching = asyncio.create_task(fleet.run())
        await until(lambda: len(fleet.ready) == len(workers))  # the fleet tells of the first one only
        try:
            yield dispatcher
        finally:
            watching.cancel()
            await dispatcher.close()
            await asyncio.gather(watching, return_exceptions=True)


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 3 * PATIENCE))


def work(members: int = 40, timeout: float = 60.0) -> Batch:
    """Build a batch without poison, with so much time for a unit."""
    plain = batch("a", members, 2, False)
    environment = plain.header.rollouts.environment.model_copy(update={"rollout_timeout_seconds": timeout})
    header = plain.header.model_copy(update={"environment": environment})
    return Batch("a", header, plain.members, plain.seeds)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_one_worker_leaves_no_trace_in_the_results(name: str) -> None:
    fault: Fault = getattr(stub_worker, name)

    async def scenario() -> None:
        faulty = StubWorker(fault, fault, seconds=0.005)
        async with running(faulty, StubWorker(seconds=0.005)) as dispatcher:
            todo = work()
            done = await dispatcher.run(todo)
            check(todo, done)
            assert not done.failures
            assert (done.retried > 0) == (name != "busy")
            assert faulty.units["came"] >= 1
            assert not faulty.faults or faulty.units["came"] == 1

    run(scenario())


@pytest.mark.parametrize("name", FAULTS)
def test_a_single_worker_with_faults_gets_there_too(name: str) -> None:
    fault: Fault = getattr(stub_worker, name)

    async def scenario() -> None:
        async with running(StubWorker(fault)) as dispatcher:
            check(todo := work(4), await dispatcher.run(todo))

    run(scenario())


@pytest.mark.parametrize("name", ["hang", "trickle"])
def test_a_worker_that_never_ends_its_answer_is_hedged_and_its_connection_closed(name: str) -> None:
    async def scenario() -> None:
        stuck, good = StubWorker(getattr(stub_worker, name), slots=1), StubWorker(slots=1, seconds=0.005)
        async with running(stuck, good) as dispatcher:
            check(todo := work(), done := await dispatcher.run(todo))
            assert done.hedged == dispatcher.hedges >= 1
            await until(lambda: stuck.units["abandoned"] == 1)

    run(scenario())


@pytest.mark.parametrize("name", ["hang", "trickle"])
def test_a_reply_that_is_not_whole_in_time_is_given_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "REPLY_MARGIN_SECONDS", 0.5)

    async def scenario() -> None:
        alone = StubWorker(getattr(stub_worker, name), slots=1)
        async with running(alone) as dispatcher:
            check(todo := work(4, timeout=0.5), done := await dispatcher.run(todo))
            assert done.retried > 0
            assert done.lost == alone.units["abandoned"] >= 1

    run(scenario())


def test_the_whole_reply_counts_against_the_time_limit() -> None:
    async def scenario() -> None:
        async with StubWorker(stub_worker.trickle) as worker:
            client = WorkerClient(worker.url)
            with pytest.raises(NoReply):
                await client.rollouts(work(1).unit(range(2)).to_frame(), 0.5)
            await client.close()

    run(scenario())


def test_work_that_nobody_wants_any_more_is_cancelled_at_the_workers() -> None:
    async def scenario() -> None:
        worker = StubWorker(seconds=3600.0)
        async with running(worker) as dispatcher:
            task = asyncio.create_task(dispatcher.run(work()))
            await until(lambda: worker.units["came"] > 0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await until(lambda: worker.units["abandoned"] == worker.units["came"])

    run(scenario())


def test_an_environment_that_fails_everywhere_ends_with_the_workers_message() -> None:
    async def scenario() -> None:
        workers = [StubWorker(*[stub_worker.crash] * 100) for _ in range(2)]
        async with running(*workers) as dispatcher:
            with pytest.raises(BatchFailed, match="segmentation fault"):
                await dispatcher.run(work(200))
            assert sum(worker.units["came"] for worker in workers) <= 20

    run(scenario())


@pytest.mark.parametrize(("dimension", "beside"), [(10, False), (dispatching.SMALL_BYTES, True)])
def test_a_small_unit_is_encoded_on_the_event_loop_and_a_large_one_beside_it(dimension: int, beside: bool) -> None:
    threads = list[int]()

    def members(start: int, stop: int) -> NDArray[np.float32]:
        threads.append(threading.get_ident())
        return np.zeros((stop - start, dimension), np.float32)

    async def scenario() -> None:
        async with running(StubWorker(keys=True)) as dispatcher:
            todo = replace(work(4), members=members)
            assert not (await dispatcher.run(todo)).failures

    run(scenario())
    assert len(threads) > 1  # the first was asked how large a member is
    assert (threading.get_ident() not in threads[1:]) == beside


def test_a_mixture_of_everything_leaves_no_trace() -> None:
    async def scenario() -> None:
        chance = np.random.default_rng(1)
        names = [*FAULTS, "hang", "none", "none", "none"]
        drawn = [[names[i] for i in chance.integers(0, len(names), 12)] for _ in range(4)]
        plain = StubWorker._answer
        workers = [
            StubWorker(*(getattr(stub_worker, name, plain) for name in faults), slots=4, seconds=0.002)
            for faults in drawn
        ]
        async with running(*workers, StubWorker(seconds=0.002)) as dispatcher:
            for _ in range(3):
                check(todo := work(100), done := await dispatcher.run(todo))
                assert not done.failures
            assert dispatcher.unequal_duplicates == 0

    run(scenario())

"""The fleet, probing real workers' absence and a discovery that changes its mind."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import cast

import pytest

from seedcast.services.master.experiments.description import ask
from seedcast.services.master.fleet.fleet import Fleet, probe_interval
from seedcast.services.master.fleet.worker import Worker
from seedcast.services.master.fleet.worker_client import WorkerClient
from seedcast.services.master.fleet.worker_state import Seen, WorkerState, next_state
from seedcast.shared.errors import Busy
from seedcast.shared.protocol import PROTOCOL_VERSION, WorkerInfo
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
from tests.master.evolution.test_state import DESCRIPTION
from tests.processes import PATIENCE, free_port, worker
from tests.simulation import virtual_time

INFO = WorkerInfo(
    protocol=PROTOCOL_VERSION, version="1", slots=1, cpu="a", fingerprint="b", environments=["CartPole-v1"]
)


class Changing:
    """A discovery whose answer the test sets."""

    def __init__(self, *urls: str) -> None:
        self.answer = list(urls)

    async def urls(self) -> list[str]:
        return self.answer


async def rounds(fleet: Fleet, until: WorkerState | None, url: str) -> None:
    """Probe until a worker is in a state, or (None) until it is gone."""
    async with asyncio.timeout(PATIENCE):
        while ((found := fleet.workers.get(url)) and found.state) is not until:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def test_workers_come_and_go_with_their_discovery_and_their_answers(tmp_path: Path) -> None:
    async def run() -> None:
        changes: list[tuple[str, int | None]] = []
        absent = f"http://127.0.0.1:{free_port()}"
        with worker(tmp_path, slots=2) as present:
            discovery = Changing(present.url, absent)
            fleet = Fleet(discovery)
            fleet.listen(lambda url, slots: changes.append((url, slots)))
            probing = asyncio.create_task(fleet.run())
            await rounds(fleet, WorkerState.READY, present.url)
            assert fleet.workers[absent].state is WorkerState.STARTING
            assert (present.url, 2) in changes
            idle = fleet.idle_seconds()
            discovery.answer = [absent]
            await rounds(fleet, None, present.url)
            assert changes[-1] == (present.url, None)
            await asyncio.sleep(0.2)
            assert fleet.idle_seconds() >= idle + 0.1
            probing.cancel()

    asyncio.run(run())


def test_few_workers_of_which_none_is_ready_are_asked_more_often() -> None:
    assert probe_interval(3, some_ready=False) < probe_interval(3, some_ready=True)
    for workers in (0, 1000):
        assert probe_interval(workers, some_ready=False) == probe_interval(workers, some_ready=True)


def test_probes_of_many_ready_workers_are_spread_over_the_interval() -> None:
    asked: list[float] = []

    class Client:
        async def info(self) -> WorkerInfo:
            return INFO

        async def ready(self) -> bool:
            asked.append(asyncio.get_running_loop().time())
            return True

        async def close(self) -> None:
            pass

    async def run() -> None:
        urls = [f"http://w{number}" for number in range(100)]
        fleet = Fleet(Changing(*urls), lambda _: cast(WorkerClient, Client()))
        probing = asyncio.create_task(fleet.run())
        await asyncio.sleep(10.5)
        probing.cancel()
        at_first, later = asked[:100], asked[100:]
        assert max(at_first) < 0.01, "all are waited for, so they are asked at once"
        assert 900 <= len(later) <= 1000, "each is asked once an interval"
        assert max(Counter(int(at / 0.05) for at in later).values()) <= 7, "5 of 100 in each twentieth of it"

    virtual_time.run(run())


def test_a_late_word_of_a_vanished_worker_does_not_touch_its_successor(tmp_path: Path) -> None:
    async def run() -> None:
        with worker(tmp_path) as present:
            discovery = Changing(present.url)
            fleet = Fleet(discovery)
            probing = asyncio.create_task(fleet.run())
            await rounds(fleet, WorkerState.READY, present.url)
            old = fleet.workers[present.url]
            discovery.answer = []
            await rounds(fleet, None, present.url)
            discovery.answer = [present.url]
            await rounds(fleet, WorkerState.READY, present.url)
            fleet.lose(old, "its connection broke at last")
            assert fleet.workers[present.url].state is WorkerState.READY
            probing.cancel()

    asyncio.run(run())


def test_a_discovery_that_raises_does_not_end_the_watch(tmp_path: Path) -> None:
    async def run() -> None:
        with worker(tmp_path) as present:
            discovery = Changing("http://[not-an-address", present.url)
            fleet = Fleet(discovery)
            probing = asyncio.create_task(fleet.run())
            await asyncio.sleep(0.3)
            discovery.answer = [present.url]
            await rounds(fleet, WorkerState.READY, present.url)
            probing.cancel()

    asyncio.run(run())


def test_lost_is_only_a_worker_that_stops_answering_unasked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        with worker(tmp_path, slots=1) as killed, worker(tmp_path, slots=1) as scaled_down:
            absent = f"http://127.0.0.1:{free_port()}"
            discovery = Changing(killed.url, scaled_down.url, absent)
            fleet = Fleet(discovery)
            probing = asyncio.create_task(fleet.run())
            await rounds(fleet, WorkerState.READY, killed.url)
            await rounds(fleet, WorkerState.READY, scaled_down.url)
            discovery.answer = [killed.url, absent]
            await rounds(fleet, None, scaled_down.url)
            killed.kill()
            await rounds(fleet, WorkerState.LOST, killed.url)
            await asyncio.sleep(1.5)  # it is probed, and stays what it is
            probing.cancel()
            assert moves(caplog, absent) == []
            assert moves(caplog, scaled_down.url)[-2:] == ["ready → draining", "draining → gone"]
            assert moves(caplog, killed.url)[-2:] == ["starting → ready", "ready → lost"]

    caplog.set_level(logging.INFO)
    asyncio.run(run())


def test_a_worker_with_a_fixed_url_that_is_told_to_end_while_idle_is_gone_and_not_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        with worker(tmp_path, slots=1) as leaving:
            fleet = Fleet(Changing(leaving.url))
            probing = asyncio.create_task(fleet.run())
            await rounds(fleet, WorkerState.READY, leaving.url)
            await asyncio.to_thread(leaving.stop)
            await rounds(fleet, WorkerState.GONE, leaving.url)
            probing.cancel()
            assert moves(caplog, leaving.url)[-2:] == ["ready → draining", "draining → gone"]

    caplog.set_level(logging.INFO)
    asyncio.run(run())


def moves(caplog: pytest.LogCaptureFixture, url: str) -> list[str]:
    """Return a worker's transitions, as they were logged."""
    lines = [record.message for record in caplog.records if record.message.startswith(f"worker {url}: ")]
    return [" ".join(line.split()[2:5]) for line in lines]


@pytest.mark.parametrize("state", WorkerState)
@pytest.mark.parametrize("seen", Seen)
def test_every_state_has_a_next_one_and_only_what_was_ready_or_refused_is_lost(
    state: WorkerState, seen: Seen
) -> None:
    after = next_state(state, seen)
    if after is WorkerState.LOST:
        assert state in (WorkerState.READY, WorkerState.REFUSED, WorkerState.LOST)
        assert seen is Seen.SILENT
    assert next_state(after, seen) is after


def test_a_worker_is_asked_once_what_a_task_is_and_again_where_another_may_answer() -> None:
    async def run() -> None:
        asked: list[str] = []

        async def describe(task: EnvironmentSpec) -> EnvironmentDescription:
            asked.append(task.id)
            return DESCRIPTION

        fleet = Fleet(Changing())
        url = "http://127.0.0.1:9"
        fleet.workers[url] = one = Worker(url, WorkerClient(url), WorkerState.READY, INFO)
        one.client.describe = describe  # type: ignore[assignment]
        cart, walker = EnvironmentSpec(id="CartPole-v1"), EnvironmentSpec(id="BipedalWalker-v3")
        for _ in range(3):
            assert await ask(cart, fleet) is DESCRIPTION
        assert asked == ["CartPole-v1"]
        await ask(walker, fleet)
        assert asked == ["CartPole-v1", "BipedalWalker-v3"]
        one.failed(Busy("its slot broke", 1))
        await ask(cart, fleet)
        assert asked[2:] == ["CartPole-v1"]
        fleet.lose(one, "it does not answer")
        assert await ask(cart, fleet) is None
        fleet._saw(one, Seen.READY, "")
        await ask(cart, fleet)
        assert asked[3:] == ["CartPole-v1"]

    asyncio.run(run())

"""The real dispatcher and the real fleet on virtual workers, in virtual time; everything from a seed.

A virtual worker decodes the very frames that go over the wire, computes returns that follow from the parameters
and the seeds, and takes virtual time for it. It crashes, hangs, slows down, comes and goes, sends units away, and
loses replies.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.dispatch.batch import Batch, BatchFailed, BatchResult
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.dispatch.request_cost import RequestCost
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker_client import NoReply, Unreachable, WorkerClient, WorkerLost
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.errors import Busy
from seedcast.shared.policies.linear import LinearSpec
from seedcast.shared.protocol import PROTOCOL_VERSION, Unit, UnitHeader, UnitResult, WorkerInfo
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.simulation import virtual_time

PEACE = 200.0


class VirtualClient:
    """In the place of `WorkerClient`: a worker with its slots."""

    def __init__(self, chance: random.Random, seconds: float, trouble: float) -> None:
        self._chance = chance
        self._seconds = seconds
        self._trouble = trouble
        self._slots = chance.choice([1, 1, 2, 8])
        self._room = asyncio.Semaphore(self._slots)
        self._waiting = 0
        self._slowness = chance.choice([1.0, 1.0, 1.0, 10.0])
        self._down_until = self._hung_until = -1.0
        self.deaths: list[int] = []
        """Seeds that killed a slot."""

    async def info(self) -> WorkerInfo:
        await self._answer()
        return WorkerInfo(
            protocol=PROTOCOL_VERSION,
            version="virtual",
            slots=self._slots,
            cpu="",
            fingerprint="",
            environments=["CartPole-v1"],
            policies=[],
        )

    async def ready(self) -> bool:
        await self._answer()
        return self._chance.random() > 0.01 * self._trouble

    async def close(self) -> None:
        pass

    async def rollouts(self, frame: bytes, timeout_seconds: float, slots: int = 1) -> bytes:
        await self._answer(seconds=timeout_seconds)
        if self._waiting + slots > 1 + 2 * self._slots or self._happens(0.01):
            raise Busy("0 free slots")
        unit = Unit.from_frame(frame)
        self._waiting += slots
        try:
            parts = await asyncio.gather(*(self._part(unit.part(index, slots)) for index in range(slots)))
            await self._misfortune()
            return UnitResult.joined(parts).to_frame()
        finally:
            self._waiting -= slots

    async def _part(self, unit: Unit) -> UnitResult:
        async with self._room:
            return await self._compute(unit)

    async def _compute(self, unit: Unit) -> UnitResult:
        killer = next((int(seed) for seed in unit.seeds if poisonous(int(seed))), None)
        busy = self._slowness * sum(self._seconds * (0.5 + seed % 7 / 7) for seed in unit.seeds.tolist())
        await asyncio.sleep(busy)
        if killer is not None:
            self.deaths.append(killer)
            return UnitResult.failed(len(unit), "crash", "segfault", busy)
        return result(unit, busy)

    async def _misfortune(self) -> None:
        """Let what may happen to a worker happen, or to the reply it is about to give."""
        now = asyncio.get_running_loop().time()
        if self._happens(0.02):
            self._slowness = self._chance.choice([1.0, 5.0, 20.0])
        if self._happens(0.02):
            self._down_until = now + self._chance.uniform(0, 20)
        if self._happens(0.02):
            self._hung_until = now + self._chance.uniform(0, 60)
        await self._answer(WorkerLost("ReadError"), 60.0)
        if self._happens(0.02):
            raise WorkerLost("RemoteProtocolError: incomplete body")

    async def _answer(self, dead: WorkerLost | None = None, seconds: float = 2.0) -> None:
        """Wait as long as the worker hangs; fail if it is down, or hangs for too long."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._chance.uniform(0.001, 0.01))
        if (hung := self._hung_until - loop.time()) > 0:
            await asyncio.sleep(min(hung, seconds))
            if hung > seconds:
                raise NoReply("no reply in time")
        if loop.time() < self._down_until:
            raise dead or Unreachable("ConnectError")

    def _happens(self, probability: float) -> bool:
        calm = asyncio.get_running_loop().time() > PEACE
        return not calm and self._chance.random() < probability * self._trouble


class VirtualDiscovery:
    """Workers that come and go until there is peace; then all of them are there."""

    def __init__(self, chance: random.Random, urls: list[str], trouble: float) -> None:
        self._chance, self._urls, self._trouble = chance, urls, trouble
        self._hidden: set[str] = set()

    async def urls(self) -> list[str]:
        if asyncio.get_running_loop().time() > PEACE:
            return self._urls
        for url in self._urls:
            if self._chance.random() < 0.02 * self._trouble:
                self._hidden ^= {url}
        return [url for url in self._urls if url not in self._hidden]


def poisonous(seed: int) -> bool:
    return seed % 1000 == 999


def result(unit: Unit, busy: float) -> UnitResult:
    """Compute what any worker computes."""
    parameters = cast(NDArray[np.float32], unit.parameters)
    returns = parameters[unit.rows, 0].astype(np.float64) * 1000 + unit.seeds
    return UnitResult(returns, returns, (unit.seeds % 50 + 1).astype(np.int32), busy_seconds=busy)


def batch(experiment: str, members: int, episodes: int, poison: bool, *, background: bool = False) -> Batch:
    """Build a batch whose returns tell which rollout they are of."""
    header = UnitHeader(environment=EnvironmentSpec(id="Virtual-v0"), policy=LinearSpec(name="linear"))
    parameters = np.arange(members, dtype=np.float32)[:, None]
    seeds = np.arange(members * episodes, dtype=np.int32).reshape(members, episodes)
    seeds[seeds % 1000 == 999] += 0 if poison else 1
    return Batch(experiment, header, lambda start, stop: parameters[start:stop], seeds, background=background)


def play(seed: int, log: Callable[[str], None] = lambda _: None) -> None:
    """Run one schedule; fail if a result is missing, wrong, or given up without a reason."""
    virtual_time.run(_play(seed, log))


async def _play(seed: int, log: Callable[[str], None]) -> None:
    chance = random.Random(seed)
    trouble, seconds = chance.choice([0.0, 0.3, 1.0, 3.0]), chance.choice([0.01, 0.1, 1.0])
    urls = [f"http://w{number}" for number in range(int(2 ** chance.uniform(0, 6.5)))]
    clients: list[VirtualClient] = []

    def connect(_: str) -> WorkerClient:
        clients.append(VirtualClient(random.Random(chance.random()), seconds, trouble))
        return cast(WorkerClient, clients[-1])

    fleet = Fleet(VirtualDiscovery(chance, urls, trouble), connect)
    tuning = Tuning(unit_seconds=chance.choice([0.2, 2.0]), request_seconds=chance.choice([0.0005, 0.05]))
    dispatcher = Dispatcher(fleet, tuning, RequestCost(clock=lambda: 0.0))  # nothing real may leave a trace
    watching = asyncio.create_task(fleet.run())
    log(f"{len(urls)} workers, trouble {trouble}, {seconds} s a rollout")
    runs = [_experiment(dispatcher, random.Random(chance.random()), f"e{number}", log) for number in range(3)]
    async with asyncio.timeout(20_000):
        await asyncio.gather(*runs)
    watching.cancel()
    await dispatcher.close()
    assert dispatcher.unequal_duplicates == 0
    log(f"{dispatcher.late_replies} late replies, {dispatcher.hedges} hedges")


async def _experiment(
    dispatcher: Dispatcher, chance: random.Random, name: str, log: Callable[[str], None]
) -> None:
    """Run a few generations, each to its end, or to the point where somebody loses interest."""
    for _ in range(chance.randint(1, 3)):
        work = batch(name, int(2 ** chance.uniform(1, 8)), chance.choice([1, 5]), chance.random() < 0.5)
        await asyncio.sleep(chance.uniform(0, 20))
        run = asyncio.create_task(dispatcher.run(work))
        if chance.random() < 0.2:
            await asyncio.sleep(chance.uniform(0, 5))
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            continue
        try:
            check(work, await run)
        except BatchFailed as failed:
            raise AssertionError(f"{name}: {failed}") from failed
        log(f"{asyncio.get_running_loop().time():9.3f} {name}: {len(work)} rollouts")


def check(work: Batch, done: BatchResult) -> None:
    """Compare a result with what a single worker without any trouble computes."""
    seeds = work.seeds.ravel()
    expected = result(work.unit(range(len(work))), 0.0)
    bad = np.array([poisonous(int(seed)) for seed in seeds])
    lost = {number for number, failure in done.failures.items() if "was lost" in failure.message}
    assert set(done.failures) - lost <= set(np.flatnonzero(bad).tolist())
    assert set(np.flatnonzero(bad).tolist()) <= set(done.failures)
    good = np.array([number not in done.failures for number in range(len(work))])
    np.testing.assert_array_equal(done.returns[good], expected.returns[good])
    np.testing.assert_array_equal(done.lengths[good], expected.lengths[good])
    assert np.isnan(done.returns[~good]).all()

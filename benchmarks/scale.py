"""How near the dispatcher comes to the ideal on 1,024 and 8,192 slots, and what a request costs the master.

The workers are simulated (see `benchmarks.scale_workers`); discovery, scheduler, dispatcher, frames, HTTP and
loopback are real. This process is the master, on the event loop that it has
in service: all its threads' CPU time counts. ``make bench-scale`` prints the
tables; the bars are 95% of the ideal where rollouts take 0.5-1.5 s, and 85% where they take 0.1-0.2 s.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import uvloop
from numpy.typing import NDArray

from benchmarks.scale_workers import HEAD_END, StubFleet, stub_fleet
from seedcast.services.master.dispatch.batch import Batch, MembersOf
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.fleet.discovery import parse_workers
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker_client import WorkerClient
from seedcast.services.master.strategies.sampling import GaussianPopulation
from seedcast.shared.policies.linear import LinearSpec
from seedcast.shared.protocol import FRAME_MEDIA_TYPE, UnitHeader
from seedcast.shared.spec.environment import EnvironmentSpec

FLEETS = {1024: (64, 8), 8192: (64,)}
"""Slots in all, and the slots that a worker has."""
ROLLOUTS_PER_SLOT = 4
SECONDS = ((0.5, 1.5), (0.1, 0.2))
"""What a rollout takes: uniform between the two."""
DIMENSION = 2804
"""Parameters of a 24-40-40-4 policy."""
GENERATIONS = 3
"""The first one is cold: no speed is known, no connection is open."""
LAG_SECONDS = 0.005
CONCURRENCY = 64


@dataclass(frozen=True)
class Figures:
    """How a generation went."""

    seconds: float
    ideal: float
    """What a scheduler reaches that knows no distance: it gives every free slot the next rollout at once."""
    requests: int
    cpu_seconds: float
    """Of the master, all threads."""
    workers_cpu_seconds: float
    """Of the processes that simulate the workers, on the same machine."""
    lags: NDArray[np.float64]
    """How late its event loop woke up, seconds."""
    extra: float
    """Rollouts begun more than once, of all."""

    @property
    def efficiency(self) -> float:
        """Return the share of the ideal."""
        return self.ideal / self.seconds

    def line(self) -> str:
        """Return the columns of a table."""
        p50, p99 = np.percentile(self.lags, [50, 99]) * 1000
        return (
            f"{self.seconds:8.2f} {self.ideal:6.2f} {self.efficiency:9.1%} {self.requests / self.seconds:11.0f} "
            f"{1000 * self.cpu_seconds / self.requests:9.2f} ms {self.cpu_seconds / self.seconds:5.0%}, "
            f"{self.workers_cpu_seconds / self.seconds:4.0%} "
            f"{p50:7.1f}, {p99:5.1f} ms"
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--straggler", action="store_true", help="only the part with a slow worker")
    parser.add_argument("--slots", type=int, choices=FLEETS, action="append", help="only fleets of so many slots")
    parser.add_argument("--quick", action="store_true", help="64 slots, to see that it runs")
    parser.add_argument(
        "--rows",
        action="store_true",
        help="send members written out, as cma_es has to; else as pgpe does, by keys",
    )
    arguments = parser.parse_args()
    fleets = {64: (64, 8)} if arguments.quick else {slots: FLEETS[slots] for slots in arguments.slots or FLEETS}
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before", flush=True)
    if not arguments.straggler:
        print_prices(200 if arguments.quick else 3000)
        for slots, shapes in fleets.items():
            rollouts = (2 if arguments.quick else ROLLOUTS_PER_SLOT) * slots
            print_efficiency(slots, shapes, rollouts, written_out(rollouts) if arguments.rows else keyed(rollouts))
    print_stragglers(0.05 if arguments.quick else 1.0)
    print(f"load {os.getloadavg()[0]:.1f} after")


def print_prices(requests: int) -> None:
    """Print the master's CPU time for a request: HTTP alone, and by its client."""
    print(
        f"\nthe master's CPU for a request of 4 x {DIMENSION} parameters, {CONCURRENCY} at a time, nothing else:"
    )
    for name, cost in uvloop.run(prices(requests)).items():
        print(f"  {name:<22}{1000 * cost:6.2f} ms")


def print_efficiency(slots: int, shapes: Sequence[int], rollouts: int, members: MembersOf) -> None:
    """Print a line for each generation of each shape."""
    print(f"\n{slots} slots, {rollouts} rollouts a generation")
    print(
        f"{'workers':>10} {'rollout':>10} {'':>5} {'seconds':>8} {'ideal':>6} {'of ideal':>9} {'requests/s':>11} "
        f"{'CPU/request':>12} {'CPU, workers':>12} {'loop lag p50, p99':>18}"
    )
    for each in shapes:
        for seconds in SECONDS:
            with stub_fleet(max(1, slots // each), each) as fleet:
                runs = uvloop.run(generations(fleet, draw(rollouts, seconds), members))
            for number, run in enumerate(runs):
                shape = f"{max(1, slots // each):>4} x {each:<3} {seconds[0]:>4}-{seconds[1]} s"
                print(f"{shape} {'warm' if number else 'cold':>5} {run.line()}", flush=True)


def print_stragglers(scale: float) -> None:
    """Print what one worker of four does to a generation if it is ten times slower."""
    print("\nfour workers of 2 slots, 400 rollouts of 0.05-0.15 s; warm generations")
    calm, slowed = (_straggling(scale, slow) for slow in ((), (10.0,)))
    for name, runs in (("calm", calm), ("one 10x slow", slowed)):
        listed = ", ".join(f"{run.seconds:.2f} s, {run.extra:.1%} extra" for run in runs)
        print(f"  {name:<14}{listed}")
    ratio = np.median([run.seconds for run in slowed]) / np.median([run.seconds for run in calm])
    print(f"  the slow worker makes a generation {ratio:.2f} times as long (3 of 4 workers alone: 1.33)")


def _straggling(scale: float, slow: Sequence[float]) -> list[Figures]:
    with stub_fleet(4, 2, slow) as fleet:
        durations = draw(max(16, int(400 * scale)), (0.05, 0.15))
        return uvloop.run(generations(fleet, durations, keyed(len(durations)), 4))[1:]


def draw(rollouts: int, seconds: tuple[float, float]) -> NDArray[np.int32]:
    """Return durations in microseconds ``(rollouts,)``."""
    return (np.random.default_rng(0).uniform(*seconds, rollouts) * 1e6).astype(np.int32)


def keyed(members: int) -> MembersOf:
    """Return a population as most strategies have it: a mean, σ, and the key of each member's noise."""
    mean, sigma = np.zeros(DIMENSION, np.float32), np.ones(1, np.float32)
    population = GaussianPopulation(mean, sigma, seed=1, generation=1, population_size=members, mirrored=True)
    return population.members


def written_out(members: int) -> MembersOf:
    """Return a population as rows of parameters."""
    parameters = np.zeros((members, DIMENSION), np.float32)
    return lambda start, stop: parameters[start:stop]


async def generations(
    fleet: StubFleet, durations: NDArray[np.int32], members: MembersOf, count: int = GENERATIONS
) -> list[Figures]:
    """Run generations one after another, and measure each."""
    async with running(fleet) as (dispatcher, master):
        header = UnitHeader(environment=EnvironmentSpec(id="Simulated-v0"), policy=LinearSpec(name="linear"))
        slots = sum(worker.info.slots for worker in master.ready if worker.info)
        figures = []
        for _ in range(count):
            work = Batch("scale", header, members, durations[:, None])
            begun, lags = fleet.begun, list[float]()
            units = sum(worker.units for worker in master.workers.values())
            watching = asyncio.create_task(_watch(lags))
            started, cpu, others = time.perf_counter(), time.process_time(), fleet.cpu_seconds
            result = await dispatcher.run(work)
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
            others = fleet.cpu_seconds - others
            watching.cancel()
            if result.failures or not np.array_equal(result.returns, durations):
                raise RuntimeError("results are missing or wrong")
            requests = sum(worker.units for worker in master.workers.values()) - units
            extra = (fleet.begun - begun) / len(durations) - 1
            best = ideal(durations, slots)
            figures.append(Figures(seconds, best, requests, cpu, others, np.array(lags), extra))
    return figures


@asynccontextmanager
async def running(stubs: StubFleet) -> AsyncIterator[tuple[Dispatcher, Fleet]]:
    """Run a dispatcher, from when all workers are ready."""
    fleet = Fleet(parse_workers(",".join(stubs.urls)))
    dispatcher = Dispatcher(fleet)
    watching = asyncio.create_task(fleet.run())
    try:
        async with asyncio.timeout(60):
            while len(fleet.ready) < len(stubs.urls):  # noqa: ASYNC110 - the fleet tells of the first one only
                await asyncio.sleep(0.02)
        yield dispatcher, fleet
    finally:
        watching.cancel()
        await dispatcher.close()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(lags: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(LAG_SECONDS)
        lags.append(max(0.0, time.perf_counter() - before - LAG_SECONDS))


def ideal(durations: NDArray[np.int32], slots: int) -> float:
    """Return the makespan of list scheduling, seconds (Graham 1969, https://doi.org/10.1137/0117039)."""
    free = [0.0] * slots
    for duration in durations.tolist():
        heapq.heapreplace(free, free[0] + duration * 1e-6)
    return max(free)


async def prices(requests: int) -> dict[str, float]:
    """Return the CPU seconds of this process for a request whose rollouts take no time, by the way it is sent."""
    work = Batch(
        "price",
        UnitHeader(environment=EnvironmentSpec(id="Simulated-v0"), policy=LinearSpec(name="linear")),
        lambda start, stop: np.zeros((stop - start, DIMENSION), np.float32),
        np.ones((4, 1), np.int32),
    )
    frame = work.unit(range(4)).to_frame()
    with stub_fleet(1, CONCURRENCY) as fleet:
        client = WorkerClient(fleet.urls[0])
        each = requests // CONCURRENCY

        async def through_client() -> None:
            for _ in range(each):
                await client.rollouts(frame, 60.0)

        async def bare() -> None:
            url = urlsplit(fleet.urls[0])
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            for _ in range(each):
                writer.write(
                    f"POST /rollouts HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: {FRAME_MEDIA_TYPE}\r\n"
                    f"Content-Length: {len(frame)}\r\n\r\n".encode()
                    + frame
                )
                head = await reader.readuntil(HEAD_END)
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
            writer.close()

        found = {}
        for name, way in (("bare asyncio streams", bare), ("the master's client", through_client)):
            await asyncio.gather(*(way() for _ in range(CONCURRENCY)))  # opens the client's connections
            cpu = time.process_time()
            await asyncio.gather(*(way() for _ in range(CONCURRENCY)))
            found[name] = (time.process_time() - cpu) / (each * CONCURRENCY)
        await client.close()
    return found


if __name__ == "__main__":
    main()

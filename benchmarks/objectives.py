"""Evaluations per second through HTTP, beside the same function in a local process pool with as many processes.

Both get the same generations, one after another, and wait for all of a generation as a strategy does; they take
turns in one run, so that the machine's mood hits both alike. The pool is `multiprocessing`'s, whose processes
make the objective once; long evaluations are handed out one by one, quick ones as one batch for each process.
Seedcast is the master's dispatcher, HTTP on loopback, and one worker a core. Evaluations that sleep run in four
slots a core, so that what is lost is the way there and back. Those that compute run in one, where Seedcast's own
work is lost, too. ``make bench-objectives`` prints the tables.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.fleet import dispatching
from benchmarks.objective_functions import DIMENSION, install, rounds_in
from benchmarks.objective_memory import memory_table
from seedcast.cli.local_cluster import LocalCluster
from seedcast.services.master.dispatch.batch import Batch
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.worker.objectives.registry import make
from seedcast.services.worker.slots.variables import slot_environment
from seedcast.shared.cpus import usable_cpus
from seedcast.shared.garbage import settle
from seedcast.shared.protocol import UnitHeader
from seedcast.shared.spec.objective import ObjectiveSpec

BAR = 0.9
SECONDS = 1.0
"""Each is measured for so long at least, and to the end of the generation that it has begun."""
SLEEPERS_PER_CORE = 4

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A function, and what a generation has of it."""

    name: str
    objective: ObjectiveSpec
    solutions: int
    dimension: int = DIMENSION
    batches: bool = False
    """Whether a batch costs less than its solutions one by one."""

    def population(self) -> Floats:
        """Return a generation ``(solutions, dimension)``."""
        return np.random.default_rng(0).standard_normal((self.solutions, self.dimension), np.float32)

    def tasks(self, processes: int) -> list[tuple[ObjectiveSpec, Floats]]:
        """Return a generation as a pool gets it."""
        parts = processes if self.batches else self.solutions
        return [(self.objective, part) for part in np.array_split(self.population(), parts)]


def cases(processes: int, kind: str) -> list[Case]:
    """Return what is measured: generations of 0.3 s to 4 s for each process."""

    def spec(seconds: float) -> ObjectiveSpec:
        if kind == "sleeping":
            return ObjectiveSpec(id="bench_sleeping", kwargs={"seconds": seconds})
        return ObjectiveSpec(id="bench_working", kwargs={"rounds": rounds_in(seconds)})

    found = [
        Case(f"{kind} {label}", spec(seconds), each * processes)
        for label, seconds, each in (("10 ms", 0.01, 32), ("100 ms", 0.1, 8), ("1 s", 1.0, 2))
    ]
    if kind == "working":
        rastrigin = ObjectiveSpec(id="rastrigin", kwargs={"dimension": 80})
        found.append(Case("rastrigin, 80 numbers, 10 µs", rastrigin, 20_000 * processes, 80, batches=True))
    return found


def evaluate(task: tuple[ObjectiveSpec, Floats]) -> NDArray[np.float64]:
    """Do what a process of the pool does; making the objective is done once."""
    spec, solutions = task
    return np.asarray(make(spec).evaluate(solutions, np.zeros(len(solutions), np.int64)))


async def pace(run: Callable[[], Awaitable[int]]) -> float:
    """Return how many evaluations a second ``run`` makes, which returns its own."""
    done, started = 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < SECONDS:
        done += await run()
    return done / seconds


async def measure(dispatcher: Dispatcher, pool: Pool, case: Case, processes: int, rounds: int) -> str:
    """Measure both in turn, and return a row: medians, and the median of the ratios round by round."""
    population, tasks = case.population(), case.tasks(processes)
    header = UnitHeader(objective=case.objective)
    seeds = np.zeros((case.solutions, 1), np.int32)
    batch = Batch("bench", header, lambda start, stop: population[start:stop], seeds)
    expected = np.concatenate(await asyncio.to_thread(pool.map, evaluate, tasks, 1))  # warms the pool up, too

    async def http() -> int:
        result = await dispatcher.run(batch)
        if not np.array_equal(result.returns, expected):
            raise SystemExit(f"{case.name}: the values through HTTP are not those of the pool")
        return len(batch)

    async def local() -> int:
        await asyncio.to_thread(pool.map, evaluate, tasks, 1)
        return len(batch)

    await http()  # the dispatcher learns how long an evaluation takes
    series = [(await pace(http), await pace(local)) for _ in range(rounds)]
    ratio = statistics.median(one / other for one, other in series)
    there, here = (statistics.median(rates) for rates in zip(*series, strict=True))
    figures = f"{case.solutions:,} | {processes} | {there:,.1f} | {here:,.1f} | {ratio:.3f}"
    return f"| {case.name} | {figures} | {'yes' if ratio >= BAR else '**no**'} |"


async def rows(kind: str, workers: list[str], secret: str, pool: Pool, processes: int, rounds: int) -> None:
    """Print a row for each case."""
    async with dispatching(workers, secret) as dispatcher:
        for case in cases(processes, kind):
            print(await measure(dispatcher, pool, case, processes, rounds), flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    cores = usable_cpus()
    print(f"evaluations/s on {cores} cores, medians of {rounds} rounds; the bar is {BAR}")
    print("| evaluation | a generation | processes | HTTP | pool | HTTP / pool | at the bar |")
    print(f"| --- |{' ---: |' * 6}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        sys.path.insert(0, name)  # the pool's processes get it from here, the workers' from the environment
        os.environ["PYTHONPATH"] = os.pathsep.join([name, *filter(None, [os.environ.get("PYTHONPATH")])])
        for kind, each in (("working", 1), ("sleeping", SLEEPERS_PER_CORE)):
            with ExitStack() as stack:
                cluster = stack.enter_context(LocalCluster(folder / kind))
                workers = cluster.start_workers(cores, each)
                os.environ.update(slot_environment())  # so that the pool has all that a slot has
                pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(cores * each, settle))
                asyncio.run(rows(kind, workers, cluster.worker_secret, pool, cores * each, rounds))
        print(f"\n{memory_table(folder)}")


if __name__ == "__main__":
    main()

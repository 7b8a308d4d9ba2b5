"""Useful environment steps per second: the engine in process, through HTTP, and the usual way to do it.

Measured in rounds, one after the other, in one run, so that the machine's mood hits all alike:

- *in process*: the rollout engine in one process a core, nothing between them: each with an even share of the
  rollouts, and its own rate;
- *waited for*: the same, where the first waits for the last: what an even share for each gives a generation;
- *HTTP*: the same rollouts through the dispatcher and one worker a core, as the master does it, barrier included;
- *baseline*: one Gymnasium environment in one process a core, with a numpy policy.

``make bench-throughput`` prints the table.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.pool import Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.baseline import gymnasium_steps
from benchmarks.breakdown import microseconds_per_step, table
from benchmarks.fleet import dispatching
from seedcast.cli.local_cluster import LocalCluster
from seedcast.services.master.dispatch.batch import Batch
from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments.registry import describe
from seedcast.services.worker.slots.variables import slot_environment
from seedcast.shared.cpus import usable_cpus
from seedcast.shared.garbage import settle
from seedcast.shared.policies.mlp import MLPSpec
from seedcast.shared.protocol import Unit, UnitHeader
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.policy import build_policy


@dataclass(frozen=True)
class Job:
    """What is rolled out."""

    name: str
    environment: str
    hidden: tuple[int, ...]
    members: int
    episodes: int = 1
    max_episode_steps: int | None = None

    @property
    def header(self) -> UnitHeader:
        """The job as a unit's header."""
        policy = MLPSpec(name="mlp", hidden=list(self.hidden))
        environment = EnvironmentSpec(id=self.environment, max_episode_steps=self.max_episode_steps)
        return UnitHeader(environment=environment, policy=policy)

    def parameters(self) -> NDArray[np.float32]:
        """Return a population ``(members, dimension)`` as a search meets it early on."""
        dimension = build_policy(self.header.rollouts.policy, describe(self.header.rollouts.environment)).dimension
        draws = np.random.default_rng(0).standard_normal((self.members, dimension), dtype=np.float32)
        return draws * np.float32(0.1)


JOBS = {
    "hardcore": Job("BipedalWalkerHardcore, 24-40-40-4", "BipedalWalkerHardcore-v3", (40, 40), 256),
    "cartpole": Job("CartPole, 4-16-2", "CartPole-v1", (16,), 256, episodes=16),
    "minitaur": Job("Minitaur, 28-64-64-8", "MinitaurBulletEnv-v0", (64, 64), 16, max_episode_steps=200),
}

SECONDS = 1.0
"""Each is measured for so long, and to the end of what it has begun: a generation of CartPole is over at once."""


Workers = tuple[list[str], str]
"""Their URLs, and their secret."""


class Pace(NamedTuple):
    """What one process does."""

    steps: float
    seconds: float

    @property
    def rate(self) -> float:
        """Steps per second."""
        return self.steps / self.seconds


@dataclass
class Rates:
    """Steps per second of each round."""

    in_process: list[float] = field(default_factory=list)
    waited_for: list[float] = field(default_factory=list)
    http: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)


def unit_of(job: Job, share: int, shares: int) -> Unit:
    """Return one share of the rollouts as a unit."""
    rows = np.repeat(np.arange(share, job.members, shares, dtype=np.int32), job.episodes)
    seeds = rows * job.episodes + np.tile(np.arange(job.episodes, dtype=np.int32), len(rows) // job.episodes)
    return Unit(job.header, job.parameters(), rows, seeds.astype(np.int32))


def engine_pace(job: Job, share: int, shares: int) -> Pace:
    """Run one share of the rollouts in this process, again and again for a second."""
    unit = unit_of(job, share, shares)

    def run() -> int:
        result = run_unit(unit)
        if result.failures:
            raise RuntimeError(result.failures[0].message)
        return int(result.lengths.sum())

    return pace(run)


def baseline_pace(job: Job, share: int, shares: int) -> Pace:
    """Run one share of the rollouts the usual way, again and again for a second."""
    parameters = job.parameters()[share::shares]
    return pace(lambda: gymnasium_steps(job.header, parameters, job.episodes))


def pace(run: Callable[[], int]) -> Pace:
    """Return how many steps ``run`` takes, which it returns, and how long they take."""
    steps, runs, started = 0, 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < SECONDS:
        steps += run()
        runs += 1
    return Pace(steps / runs, seconds / runs)


async def http_rates(job: Job, cluster: Workers, rounds: int, other: Callable[[], None]) -> list[float]:
    """Run generations through the dispatcher for a second, ``rounds`` times, with ``other`` after each."""
    parameters = job.parameters()
    seeds = np.arange(job.members * job.episodes, dtype=np.int32).reshape(job.members, job.episodes)
    batch = Batch("bench", job.header, lambda start, stop: parameters[start:stop], seeds)
    rates = []
    async with dispatching(*cluster) as dispatcher:
        await dispatcher.run(batch)  # the dispatcher learns how long a rollout takes
        for _ in range(rounds):
            steps, started = 0, time.perf_counter()
            while (seconds := time.perf_counter() - started) < SECONDS:
                steps += int((await dispatcher.run(batch)).lengths.sum())
            rates.append(steps / seconds)
            await asyncio.to_thread(other)
    return rates


def measure(job: Job, rounds: int, processes: int, pool: Pool, workers: Workers) -> Rates:
    """Measure all in turn, ``rounds`` times."""
    shares = [(job, share, processes) for share in range(processes)]

    def others(rates: Rates) -> None:
        engine = pool.starmap(engine_pace, shares)
        rates.in_process.append(sum(one.rate for one in engine))
        rates.waited_for.append(sum(one.steps for one in engine) / max(one.seconds for one in engine))
        rates.baseline.append(sum(one.rate for one in pool.starmap(baseline_pace, shares)))

    others(Rates())  # warm up
    rates = Rates()
    rates.http = asyncio.run(http_rates(job, workers, rounds, lambda: others(rates)))
    return rates


def row(job: Job, rates: Rates) -> str:
    """Return the medians, and the medians of the ratios round by round."""
    others = (rates.in_process, rates.waited_for, rates.baseline)
    ratios = [statistics.median(np.divide(rates.http, other).tolist()) for other in others]
    figures = [
        statistics.median(series) for series in (rates.in_process, rates.waited_for, rates.http, rates.baseline)
    ]
    cells = [f"{figure:,.0f}" for figure in figures] + [f"{ratio:.2f}" for ratio in ratios]
    return f"| {job.name} | {' | '.join(cells)} |"


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    arguments = parser.parse_args()
    processes = usable_cpus()
    print(f"steps/s on {processes} cores, medians of {arguments.rounds} rounds")
    print("| job | in process | waited for | HTTP | baseline | HTTP / in process | / waited for | / baseline |")
    print(f"| --- |{' ---: |' * 7}")
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(LocalCluster(logs))
        workers = cluster.start_workers(processes), cluster.worker_secret
        os.environ.update(slot_environment())  # so that the engine in process has all that it has in a slot
        pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(processes, settle))
        for name in arguments.jobs:
            rates = measure(JOBS[name], arguments.rounds, processes, pool, workers)
            print(row(JOBS[name], rates), flush=True)
        print("\nwhere a step's time goes, µs of one core of the engine in process")
        parts = pool.map(microseconds_per_step, [unit_of(JOBS[name], 0, processes) for name in arguments.jobs])
        print(table([(JOBS[name].name, one) for name, one in zip(arguments.jobs, parts, strict=True)]))


if __name__ == "__main__":
    main()

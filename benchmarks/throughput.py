"""Useful environment steps per second: the engine in process, through HTTP, and the usual way to do it.

Measured in rounds, one after the other, in one run, so that the machine's mood hits all three alike:

- *in process*: the rollout engine in one process a core, nothing between them;
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

import numpy as np
from numpy.typing import NDArray

from benchmarks.baseline import gymnasium_steps
from benchmarks.breakdown import microseconds_per_step, table
from cli.local_cluster import LocalCluster
from services.master.dispatch.batch import Batch
from services.master.dispatch.discovery import parse_workers
from services.master.dispatch.dispatcher import Dispatcher
from services.master.dispatch.fleet import Fleet
from services.worker.engine import run_unit
from services.worker.environments.registry import describe
from services.worker.slots.child import settle
from services.worker.slots.process import ENVIRONMENT as SLOT_ENVIRONMENT
from shared.cpus import usable_cpus
from shared.policies.mlp import MLPSpec
from shared.protocol import Unit, UnitHeader
from shared.spec.environment import EnvironmentSpec
from shared.spec.policy import build_policy


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
        dimension = build_policy(self.header.policy, describe(self.header.environment)).dimension
        draws = np.random.default_rng(0).standard_normal((self.members, dimension), dtype=np.float32)
        return draws * np.float32(0.1)


JOBS = {
    "hardcore": Job("BipedalWalkerHardcore, 24-40-40-4", "BipedalWalkerHardcore-v3", (40, 40), 256),
    "cartpole": Job("CartPole, 4-16-2", "CartPole-v1", (16,), 256, episodes=16),
    "minitaur": Job("Minitaur, 28-64-64-8", "MinitaurBulletEnv-v0", (64, 64), 16, max_episode_steps=200),
}


@dataclass
class Rates:
    """Steps per second of each round."""

    in_process: list[float] = field(default_factory=list)
    http: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)


def unit_of(job: Job, share: int, shares: int) -> Unit:
    """Return one share of the rollouts as a unit."""
    rows = np.repeat(np.arange(share, job.members, shares, dtype=np.int32), job.episodes)
    seeds = rows * job.episodes + np.tile(np.arange(job.episodes, dtype=np.int32), len(rows) // job.episodes)
    return Unit(job.header, job.parameters(), rows, seeds.astype(np.int32))


def engine_rate(job: Job, share: int, shares: int) -> float:
    """Run one share of the rollouts in this process."""
    unit = unit_of(job, share, shares)
    started = time.perf_counter()
    result = run_unit(unit)
    if result.failures:
        raise RuntimeError(result.failures[0].message)
    return int(result.lengths.sum()) / (time.perf_counter() - started)


def baseline_rate(job: Job, share: int, shares: int) -> float:
    """Run one share of the rollouts the usual way."""
    parameters = job.parameters()[share::shares]
    started = time.perf_counter()
    steps = gymnasium_steps(job.header, parameters, job.episodes)
    return steps / (time.perf_counter() - started)


async def http_rates(job: Job, workers: str, slots: int, rounds: int, other: Callable[[], None]) -> list[float]:
    """Run all rollouts through the dispatcher, ``rounds`` times, with ``other`` after each."""
    fleet = Fleet(parse_workers(workers))
    probing = asyncio.create_task(fleet.run())
    dispatcher = Dispatcher(fleet)
    parameters = job.parameters()
    seeds = np.arange(job.members * job.episodes, dtype=np.int32).reshape(job.members, job.episodes)
    batch = Batch("bench", job.header, lambda start, stop: parameters[start:stop], seeds)
    while len(fleet.ready) < slots:  # noqa: ASYNC110 - the fleet tells of the first one only
        await asyncio.sleep(0.1)
    rates = []
    await dispatcher.run(batch)  # the dispatcher learns how long a rollout takes
    for _ in range(rounds):
        started = time.perf_counter()
        result = await dispatcher.run(batch)
        rates.append(int(result.lengths.sum()) / (time.perf_counter() - started))
        await asyncio.to_thread(other)
    probing.cancel()
    await dispatcher.close()
    return rates


def measure(job: Job, rounds: int, processes: int, pool: Pool, workers: str) -> Rates:
    """Measure all three in turn, ``rounds`` times."""
    rates = Rates()

    def others() -> None:
        for run, series in ((engine_rate, rates.in_process), (baseline_rate, rates.baseline)):
            series.append(sum(pool.starmap(run, [(job, share, processes) for share in range(processes)])))

    others()  # warm up
    rates.in_process.clear()
    rates.baseline.clear()
    rates.http = asyncio.run(http_rates(job, workers, processes, rounds, others))
    return rates


def row(job: Job, rates: Rates) -> str:
    """Return the medians, and the medians of the ratios round by round."""
    to_process = statistics.median(http / raw for http, raw in zip(rates.http, rates.in_process, strict=True))
    to_baseline = statistics.median(http / old for http, old in zip(rates.http, rates.baseline, strict=True))
    medians = [statistics.median(series) for series in (rates.in_process, rates.http, rates.baseline)]
    figures = " | ".join(f"{median:,.0f}" for median in medians)
    return f"| {job.name} | {figures} | {to_process:.2f} | {to_baseline:.2f} |"


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    arguments = parser.parse_args()
    os.environ.update(SLOT_ENVIRONMENT)  # so that the engine in process has all that it has in a slot
    processes = usable_cpus()
    print(f"steps/s on {processes} cores, medians of {arguments.rounds} rounds")
    print("| job | in process | HTTP | baseline | HTTP / in process | HTTP / baseline |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = stack.enter_context(LocalCluster(logs)).start_workers(processes)
        pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(processes, settle))
        for name in arguments.jobs:
            rates = measure(JOBS[name], arguments.rounds, processes, pool, ",".join(urls))
            print(row(JOBS[name], rates), flush=True)
        print("\nwhere a step's time goes, µs of one core of the engine in process")
        parts = pool.map(microseconds_per_step, [unit_of(JOBS[name], 0, processes) for name in arguments.jobs])
        print(table([(JOBS[name].name, one) for name, one in zip(arguments.jobs, parts, strict=True)]))


if __name__ == "__main__":
    main()

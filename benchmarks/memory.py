"""`python -m benchmarks.memory`: what a worker of two slots holds in memory, rollout after rollout.

The rollouts are BipedalWalkerHardcore's, sent by the dispatcher in units as a search would send them, with
policies drawn anew for each thousand. The figures are the resident memory of the worker and of each slot, and what
all processes of the worker hold together, where what several share counts once.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.fleet import dispatching
from benchmarks.throughput import JOBS
from seedcast.cli.local_cluster import LocalCluster
from seedcast.services.master.dispatch.batch import Batch
from seedcast.services.worker.environments.registry import describe
from seedcast.services.worker.slots.memory import resident_bytes
from seedcast.shared.spec.policy import build_policy

SLOTS = 2
TURN = 1000
"""Rollouts between two readings."""
SPREAD = np.float32(1.0)
"""Of the parameters: policies of all kinds, most of which fall soon."""


def main() -> None:
    """Print a line for each thousand rollouts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=10_000)
    turns = -(-parser.parse_args().rollouts // TURN)
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(LocalCluster(logs))
        urls = cluster.start_workers(1, slots=SLOTS)
        asyncio.run(measure(urls, cluster.worker_secret, cluster.worker_pids[0], turns))


async def measure(urls: list[str], secret: str, pid: int, turns: int) -> None:
    """Roll out and read."""
    header = JOBS["hardcore"].header
    dimension = build_policy(header.rollouts.policy, describe(header.rollouts.environment)).dimension
    steps = 0
    async with dispatching(urls, secret) as dispatcher:
        for turn in range(turns + 1):
            if turn:
                draws = np.random.default_rng(turn).standard_normal((TURN, dimension), dtype=np.float32) * SPREAD
                seeds = np.arange((turn - 1) * TURN, turn * TURN, dtype=np.int32)[:, None]
                batch = Batch("memory", header, partial(_rows, draws), seeds)
                steps += int((await dispatcher.run(batch)).lengths.sum())
            parts = " + ".join(f"{size / 2**20:6.1f}" for size in resident(pid))
            together = proportional_bytes(pid) / 2**20
            done = f"{turn * TURN:7,} rollouts {steps:11,} steps"
            print(f"{done}   worker + slots: {parts} MiB, together {together:.1f}", flush=True)


def _rows(draws: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    return draws[start:stop]


def resident(pid: int) -> list[int]:
    """Return the resident bytes of a worker and of each of its slots, shared ones in each."""
    return [resident_bytes(one) for one in (pid, *slots(pid))]


def slots(pid: int) -> list[int]:
    """Return the process ids of a worker's slots: each has a warden, and these have the worker's nursery."""
    return [slot for nursery in children(pid) for warden in children(nursery) for slot in children(warden)]


def proportional_bytes(pid: int) -> int:
    """Return what a process and all below it hold together: what several of them share counts once."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return own + sum(map(proportional_bytes, children(pid)))


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


if __name__ == "__main__":
    main()

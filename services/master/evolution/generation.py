"""One generation, whole, on one screen: ask, roll out, tell."""

from __future__ import annotations

import asyncio
import time

import numpy as np
from numpy.typing import NDArray

from services.master.dispatch.batch import Batch
from services.master.dispatch.dispatcher import BatchFailed, Dispatcher
from services.master.evolution.batches import training_batch
from services.master.evolution.state import Evolution
from services.master.storage.history import GenerationRecord, ReturnSummary, TestRecord


async def run_generation(evolution: Evolution, dispatcher: Dispatcher) -> GenerationRecord:
    """Run one generation. Afterwards ``evolution`` is ready to be committed.

    Raises:
        BatchFailed: no rollout can be had of the environment.
    """
    started = time.perf_counter()
    cap = evolution.episode_cap
    population = await asyncio.to_thread(evolution.strategy.ask)
    batch = training_batch(evolution, population)
    asked = time.perf_counter()
    result = await dispatcher.run(batch)
    rolled_out = time.perf_counter()
    fitness, failed = await asyncio.to_thread(evolution.learn, result)
    ended = time.perf_counter()
    evolution.elapsed_seconds += ended - started
    return GenerationRecord(
        generation=evolution.generation,
        returns=summarise(result.returns),
        fitness=summarise(fitness),
        mean_length=float(result.lengths.mean()),
        episode_cap=cap,
        environment_steps=evolution.environment_steps,
        elapsed_seconds=evolution.elapsed_seconds,
        generation_seconds=ended - started,
        master_seconds=(asked - started) + (ended - rolled_out),
        failed_members=failed,
        retried_rollouts=result.retried,
        strategy=evolution.strategy.summary(),
        parameters_sha256=evolution.parameters_sha256(),
    )


async def run_test(
    batch: Batch, dispatcher: Dispatcher, *, generation: int, environment_steps: int, elapsed_seconds: float
) -> TestRecord:
    """Test the solution as of a generation, which was reached after so many training steps and seconds.

    Raises:
        BatchFailed: a test episode failed for good.
    """
    result = await dispatcher.run(batch)
    if result.failures:
        first = next(iter(result.failures.values()))
        raise BatchFailed(f"{first.kind}: {first.message}")
    return TestRecord(
        generation=generation,
        returns=summarise(result.returns),
        episodes=len(batch),
        mean_length=float(result.lengths.mean()),
        environment_steps=environment_steps,
        elapsed_seconds=elapsed_seconds,
        episode_returns=result.returns.tolist(),
    )


def summarise(values: NDArray[np.float64]) -> ReturnSummary:
    """Return mean, deviation, minimum, median and maximum of the values that there are."""
    there = values[~np.isnan(values)]
    return ReturnSummary(
        mean=float(there.mean()),
        std=float(there.std()),
        minimum=float(there.min()),
        median=float(np.median(there)),
        maximum=float(there.max()),
    )

"""One generation, whole, on one screen: ask, roll out, tell."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.dispatch.batch import Batch, BatchFailed, BatchResult
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.evolution.batches import training_batch
from seedcast.services.master.evolution.movement import mirrored_correlation, movement
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.storage.records import GenerationRecord, ReturnSummary, TestRecord

LARGEST_SQUARABLE = 1e100
"""Sums of squares of larger values may overflow; they are scaled down first."""


async def run_generation(
    evolution: Evolution, dispatcher: Dispatcher, lap: Callable[[], float], share: float = 1.0
) -> GenerationRecord:
    """Run one generation. Afterwards ``evolution`` is ready to be committed.

    ``lap`` returns the seconds of training since it was called last: what came between two generations counts too.
    ``share`` weighs it beside other experiments.

    Raises:
        BatchFailed: no rollout can be had of the environment.
    """
    started = time.perf_counter()
    cap, stage, mirrored = evolution.episode_cap, evolution.stage, evolution.strategy.mirrored
    population = await asyncio.to_thread(evolution.strategy.ask)
    before = evolution.strategy.mean.copy()
    batch = replace(training_batch(evolution, population), share=share)
    asked = time.perf_counter()
    result = await dispatcher.run(batch)
    rolled_out = time.perf_counter()
    fitness, failed = await asyncio.to_thread(evolution.learn, result)
    agreement = mirrored_correlation(fitness) if mirrored else None
    moved, evolution.last_step = await asyncio.to_thread(
        movement, before, evolution.strategy.mean, evolution.last_step, agreement
    )
    ended = time.perf_counter()
    evolution.elapsed_seconds += lap()
    evolution.core_seconds += result.core_seconds
    return GenerationRecord(
        generation=evolution.generation,
        population_size=len(fitness),
        returns=summarise(result.returns),
        fitness=summarise(fitness),
        quantiles=quantiles(result.returns),
        movement=moved,
        mean_length=result.mean_length,
        episode_cap=cap,
        stage=stage,
        environment_steps=evolution.environment_steps,
        elapsed_seconds=evolution.elapsed_seconds,
        core_seconds=evolution.core_seconds,
        generation_seconds=ended - started,
        master_seconds=(asked - started) + (ended - rolled_out),
        ask_seconds=asked - started,
        failed_members=failed,
        retried_rollouts=result.retried,
        lost_units=result.lost,
        hedged_units=result.hedged,
        strategy=evolution.strategy.summary(),
        parameters_sha256=evolution.parameters_sha256(),
        fingerprints=sorted(result.fingerprints),
    )


@dataclass(frozen=True)
class Confirmation:
    """A second test on fresh episodes, for a score too good to be believed at once."""

    batch: Batch
    best: float | None
    """The best test return so far."""
    target: float | None
    sign: int = 1
    """-1 where smaller returns are better."""
    lowest: float | None = None
    """Where a score short of this is the best so far, it counts unconfirmed."""

    def wanted(self, score: float) -> bool:
        """Whether a score has to be confirmed before it counts."""
        if self.target is not None and self.sign * score >= self.sign * self.target:
            return True
        if self.lowest is not None and self.sign * score < self.sign * self.lowest:
            return False
        return self.best is None or self.sign * score > self.sign * self.best


async def run_test(
    batch: Batch,
    dispatcher: Dispatcher,
    *,
    confirmation: Confirmation | None = None,
    failed_episode: Literal["worst", "fail"],
    generation: int,
    environment_steps: int,
    elapsed_seconds: float,
    core_seconds: float = 0.0,
) -> TestRecord:
    """Test the solution as of a generation, which was reached after so many training steps and seconds.

    Where the ``confirmation`` is wanted, it is what counts, and the first test is kept as the screening.

    Raises:
        BatchFailed: every test episode failed for good, or one did where ``failed_episode`` is "fail".
    """
    result = await dispatcher.run(batch)
    returns, failed = test_returns(result, failed_episode)
    work, screening = result.core_seconds, None
    if confirmation is not None and confirmation.wanted(float(returns.mean())):
        batch, screening = confirmation.batch, summarise(returns)
        result = await dispatcher.run(batch)
        returns, failed = test_returns(result, failed_episode)
        work += result.core_seconds
    return TestRecord(
        generation=generation,
        returns=summarise(returns),
        screening=screening,
        episodes=len(batch),
        mean_length=result.mean_length,
        environment_steps=environment_steps,
        elapsed_seconds=elapsed_seconds,
        core_seconds=work,
        training_core_seconds=core_seconds,
        episode_returns=returns.tolist(),
        failed_episodes=int(failed.sum()),
        fingerprints=sorted(result.fingerprints),
    )


def test_returns(
    result: BatchResult, failed_episode: Literal["worst", "fail"]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the returns, failed episodes having the worst of the others', and which ones failed.

    Raises:
        BatchFailed: every episode failed for good, or one did where ``failed_episode`` is "fail".
    """
    failed = np.isnan(result.returns)
    if failed.any() and (failed_episode == "fail" or failed.all()):
        first = next(iter(result.failures.values()))
        raise BatchFailed(f"{first.kind}: {first.message}")
    worst = result.returns[
        np.nanargmin(result.fitness)
    ]  # fitness, as smaller values of an objective may be better
    return np.where(failed, worst, result.returns), failed


def summarise(values: NDArray[np.float64]) -> ReturnSummary:
    """Return mean, deviation, minimum, median and maximum of the values that there are, always finite."""
    there = np.clip(values[~np.isnan(values)], -sys.float_info.max, sys.float_info.max)
    largest = float(np.abs(there).max())
    scale = largest if largest > LARGEST_SQUARABLE else 1.0
    scaled = there / scale
    return ReturnSummary(
        mean=float(scaled.mean()) * scale,
        std=float(scaled.std()) * scale,
        minimum=float(there.min()),
        median=float(np.median(scaled)) * scale,
        maximum=float(there.max()),
    )


def quantiles(values: NDArray[np.float64]) -> list[float]:
    """Return the 0, 10, …, 100% quantiles of the values that there are, always finite."""
    there = np.clip(values[~np.isnan(values)], -sys.float_info.max / 4, sys.float_info.max / 4)
    return [float(value) for value in np.quantile(there, np.linspace(0.0, 1.0, 11))]

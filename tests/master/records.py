"""Synthetic records: a plausible training, by formula."""

from __future__ import annotations

from seedcast.services.master.storage.records import GenerationRecord, ReturnSummary, TestRecord


def summary(mean: float, spread: float = 10.0) -> ReturnSummary:
    return ReturnSummary(mean=mean, std=spread / 2, minimum=mean - spread, median=mean, maximum=mean + spread)


def generation(number: int, seconds: float = 2.0, **strategy: float) -> GenerationRecord:
    return GenerationRecord(
        generation=number,
        returns=summary(float(number)),
        fitness=summary(float(number)),
        mean_length=100.0 + number,
        episode_cap=None,
        environment_steps=1000 * number,
        elapsed_seconds=seconds * number,
        generation_seconds=seconds,
        master_seconds=0.01,
        strategy=strategy,
        parameters_sha256="0" * 64,
    )


def evaluated(number: int, seconds: float = 2.0) -> TestRecord:
    return TestRecord(
        generation=number,
        returns=summary(number + 5.0),
        episodes=2,
        mean_length=120.0,
        environment_steps=1000 * number,
        elapsed_seconds=seconds * number,
        episode_returns=[number + 4.0, number + 6.0],
    )

"""What a generation and a test are summed up to."""

from __future__ import annotations

import asyncio
import math
from typing import Literal, cast

import numpy as np
import pytest

from seedcast.services.master.dispatch.batch import Batch, BatchFailed, BatchResult
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.evolution.batches import confirming_batch
from seedcast.services.master.evolution.batches import test_batch as batch_of_test
from seedcast.services.master.evolution.generation import Confirmation, summarise
from seedcast.services.master.evolution.generation import run_test as run
from seedcast.services.master.storage.records import TestRecord
from seedcast.shared.protocol import Failure
from tests.master.evolution.test_state import begin
from tests.specs import cartpole


class Canned:
    """In the dispatcher's place: one result for everything, NaN where an episode failed."""

    def __init__(self, returns: list[float]) -> None:
        self._returns = returns

    async def run(self, batch: Batch) -> BatchResult:
        result = BatchResult.empty(len(batch))
        result.returns[:] = result.fitness[:] = self._returns
        result.lengths[:] = np.where(np.isnan(self._returns), 0, 10)
        for index in np.flatnonzero(np.isnan(self._returns)).tolist():
            result.failures[index] = Failure(kind="crash", message="segfault", rollouts=[0])
        return result


def outcome(returns: list[float], failed_episode: Literal["worst", "fail"]) -> TestRecord:
    batch = batch_of_test(begin(cartpole(test={"every": 1, "episodes": len(returns)})))
    dispatcher = cast(Dispatcher, Canned(returns))
    return asyncio.run(
        run(
            batch,
            dispatcher,
            failed_episode=failed_episode,
            generation=1,
            environment_steps=1,
            elapsed_seconds=1,
        )
    )


def test_a_failed_test_episode_counts_as_the_worst_of_the_others() -> None:
    record = outcome([5.0, math.nan, 1.0, 3.0], "worst")
    assert record.episode_returns == [5.0, 1.0, 1.0, 3.0]
    assert (record.failed_episodes, record.episodes, record.mean_length) == (1, 4, 10)
    assert record.returns.mean == 2.5


@pytest.mark.parametrize(
    ("returns", "failed_episode"), [([5.0, math.nan], "fail"), ([math.nan, math.nan], "worst")]
)
def test_a_test_fails_where_it_must_be_whole_or_nothing_is_left(
    returns: list[float], failed_episode: Literal["worst", "fail"]
) -> None:
    with pytest.raises(BatchFailed, match="crash: segfault"):
        outcome(returns, failed_episode)


@pytest.mark.parametrize("huge", [1e160, 1.7e308, math.inf])
@pytest.mark.filterwarnings("error")
def test_a_summary_is_finite_whatever_the_returns(huge: float) -> None:
    summary = summarise(np.array([huge, -huge, huge, math.nan, huge]))
    assert all(math.isfinite(figure) for figure in summary.model_dump().values())
    assert summary.std > 1e159


def test_ordinary_returns_are_summed_up_to_the_bit_as_numpy_does() -> None:
    values = np.random.default_rng(1).normal(size=101)
    summary = summarise(values)
    assert (summary.mean, summary.std, summary.median) == (values.mean(), values.std(), np.median(values))


class FirstLucky:
    """In the dispatcher's place: the first test comes to 300, every later one to 200."""

    def __init__(self) -> None:
        self.episodes: list[int] = []

    async def run(self, batch: Batch) -> BatchResult:
        result = BatchResult.empty(len(batch))
        result.returns[:] = result.fitness[:] = 200 if self.episodes else 300
        result.lengths[:] = 10
        self.episodes.append(len(batch))
        return result


@pytest.mark.parametrize(
    ("best", "target", "lowest", "confirmed"),
    [
        (None, None, None, True),
        (250, None, None, True),
        (350, None, None, False),
        (300, None, None, False),
        (350, 300, None, True),
        (None, None, 301, False),
        (250, None, 301, False),
        (250, None, 300, True),
        (250, 300, 301, True),
        (350, None, 200, False),
    ],
)
def test_a_test_that_would_count_is_made_again_and_the_second_one_counts(
    best: float | None, target: float | None, lowest: float | None, confirmed: bool
) -> None:
    evolution = begin(cartpole(test={"every": 1, "episodes": 4, "confirm_episodes": 9}))
    again, lucky = confirming_batch(evolution), FirstLucky()
    assert again is not None
    record = asyncio.run(
        run(
            batch_of_test(evolution),
            cast(Dispatcher, lucky),
            confirmation=Confirmation(again, best, target, lowest=lowest),
            failed_episode="worst",
            generation=1,
            environment_steps=1,
            elapsed_seconds=1,
        )
    )
    assert lucky.episodes == ([4, 9] if confirmed else [4])
    assert record.returns.mean == (200 if confirmed else 300)
    assert (record.screening is not None) is confirmed
    assert record.episodes == len(record.episode_returns) == (9 if confirmed else 4)
    assert confirming_batch(begin(cartpole())) is None


def test_what_is_short_of_the_least_to_confirm_is_above_it_where_smaller_values_are_better() -> None:
    again = confirming_batch(begin(cartpole(test={"confirm_episodes": 9})))
    assert again is not None
    confirmation = Confirmation(again, best=5.0, target=None, sign=-1, lowest=2.0)
    assert [confirmation.wanted(value) for value in (6.0, 3.0, 2.0, 1.0)] == [False, False, True, True]

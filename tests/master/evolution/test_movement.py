"""What is looked at of a generation: how it moved the mean, and whether mirrored members agree."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import numpy as np
import pytest

from seedcast.services.master.dispatch.batch import Batch, BatchResult
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.evolution.generation import quantiles, run_generation
from seedcast.services.master.evolution.movement import mirrored_correlation, movement
from tests.master.evolution.test_state import begin
from tests.specs import cartpole


def vector(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_a_step_of_3_and_4_is_5_long_and_turns_by_its_angle_to_the_one_before() -> None:
    moved, step = movement(vector(0, 0), vector(3, 4), vector(0, 2), None)
    assert moved.update_norm == 5.0
    assert moved.mean_norm == 5.0
    assert moved.update_cosine == pytest.approx(0.8)
    assert step.tolist() == [3.0, 4.0]


def test_no_step_and_no_step_before_have_no_angle() -> None:
    assert movement(vector(1, 1), vector(1, 1), vector(0, 2), None)[0].update_cosine is None
    assert movement(vector(0, 0), vector(1, 1), None, None)[0].update_cosine is None
    assert movement(vector(0, 0), vector(1, 1), vector(0, 0), None)[0].update_cosine is None


def test_steps_too_long_to_square_have_finite_figures() -> None:
    moved, _ = movement(vector(0, 0), vector(1e30, 1e30), vector(1e30, 0), None)
    assert moved.update_norm == pytest.approx(np.sqrt(2) * 1e30)
    assert moved.update_cosine == pytest.approx(np.sqrt(0.5))


def test_mirrored_members_on_a_slope_disagree_in_rank_and_on_a_hill_agree() -> None:
    along = np.array([3.0, -3.0, 1.0, -1.0, -2.0, 2.0])
    assert mirrored_correlation(along) == pytest.approx(-1.0)
    assert mirrored_correlation(-np.abs(along)) == pytest.approx(1.0)


def test_tied_halves_have_no_correlation() -> None:
    assert mirrored_correlation(np.zeros(6)) is None
    assert mirrored_correlation(np.array([1.0, 2.0])) is None


def test_quantiles_are_eleven_from_the_least_to_the_greatest_without_failed_rollouts() -> None:
    found = quantiles(np.array([*range(101), np.nan], np.float64))
    assert found == pytest.approx([10.0 * step for step in range(11)])
    assert np.isfinite(quantiles(np.array([1.7e308, -1.7e308, np.inf]))).all()


class _Rising:
    """In the dispatcher's place: rollout i comes to i."""

    async def run(self, batch: Batch) -> BatchResult:
        result = BatchResult.empty(len(batch))
        result.returns[:] = result.fitness[:] = np.arange(len(batch))
        result.lengths[:] = 10
        return result


def test_looking_at_a_generation_changes_nothing_of_it_and_its_figures_fit_the_means() -> None:
    looked_at, plain = begin(cartpole()), begin(cartpole())
    for number in (1, 2):
        start = looked_at.strategy.mean.copy()
        began = time.perf_counter()
        record = asyncio.run(run_generation(looked_at, cast(Dispatcher, _Rising()), lambda: 1.0))
        lasted = time.perf_counter() - began
        plain.strategy.ask()
        result = BatchResult.empty(32)
        result.returns[:] = result.fitness[:] = np.arange(32)
        result.lengths[:] = 10
        plain.learn(result)
        assert record.parameters_sha256 == plain.parameters_sha256()
        assert record.movement is not None
        assert record.movement.update_norm == pytest.approx(np.linalg.norm(looked_at.strategy.mean - start))
        assert (record.movement.update_cosine is None) == (number == 1)
        assert record.movement.mirrored_correlation == pytest.approx(1.0)
        assert record.quantiles[0] == 0.0
        assert record.quantiles[-1] == 31.0
        assert record.ask_seconds is not None
        assert 0.0 <= record.ask_seconds <= lasted

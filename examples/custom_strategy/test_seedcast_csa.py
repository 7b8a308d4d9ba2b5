"""What Seedcast asks of every strategy, and what CSA-ES promises besides."""

from __future__ import annotations

import numpy as np
import pytest

pytest.register_assert_rewrite("seedcast.services.master.strategies.contract")  # failures show what was compared

from seedcast_csa import CSAES, CSAESSpec, recombination_weights  # noqa: E402

from seedcast.services.master.strategies.base import Problem  # noqa: E402
from seedcast.services.master.strategies.contract import Budget, StrategyContract  # noqa: E402


class TestCSAES(StrategyContract):
    strategy = CSAES
    sphere = Budget(generations=200, factor=1e6)
    ellipsoid = Budget(generations=300, factor=100)
    rotation_invariant = True


def test_the_weights_fall_with_the_rank_and_the_worse_half_has_none() -> None:
    weights = recombination_weights(np.array([3.0, 1.0, 4.0, 2.0, 0.0]))
    expected = np.log(3) - np.log([1, 2])
    np.testing.assert_allclose(weights[[2, 0]], expected / expected.sum())
    assert weights[[1, 3, 4]].tolist() == [0, 0, 0]


def test_the_step_size_grows_on_a_slope_and_shrinks_at_the_top() -> None:
    slope, top = (CSAES(CSAESSpec(), Problem(20, 1, np.zeros(5, np.float32))) for _ in range(2))
    for _ in range(30):
        slope.tell(slope.ask().rows(0, 20).sum(axis=1).astype(np.float64))
        top.tell(-np.square(top.ask().rows(0, 20)).sum(axis=1).astype(np.float64))
    assert slope.summary()["sigma"] > 1
    assert top.summary()["sigma"] < 0.01

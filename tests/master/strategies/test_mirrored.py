"""How the fitness of mirrored pairs becomes their weights, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.master.strategies.base import Population
from services.master.strategies.fitness_shaping import ShapingOptions
from services.master.strategies.mirrored import PairShaping, PairWeights

FITNESS = np.array([3.0, 1.0, -4.0, 9.0, 0.0, 2.0, 5.0, 5.0])
"""Of four pairs, whose better members have 3, 9, 2 and 5."""


def weigh(elites: int, shaping: str = "raw", l2_penalty: float = 0.0) -> PairWeights:
    members = np.repeat(np.arange(8, dtype=np.float32)[:, None], 3, axis=1)
    pairs = PairShaping(l2_penalty, shaping, lambda _: elites)  # type: ignore[arg-type]
    return pairs.weigh(FITNESS, Population(members))


def test_all_pairs_weigh_half_the_difference_and_the_mean_over_the_baseline() -> None:
    weights = weigh(4)
    assert weights.linear.tolist() == [1.0, -6.5, -1.0, 0.0]
    baseline = 21 / 8
    assert weights.quadratic.tolist() == [2.0 - baseline, 2.5 - baseline, 1.0 - baseline, 5.0 - baseline]
    assert weights.pairs == 4


def test_the_pairs_left_out_weigh_nothing_and_do_not_enter_the_baseline() -> None:
    weights = weigh(2)
    assert weights.shaped.tolist() == [-4.0, 9.0, 5.0, 5.0]
    assert weights.linear.tolist() == [0.0, -6.5, 0.0, 0.0]
    assert weights.quadratic.tolist() == [0.0, 2.5 - 3.75, 0.0, 5.0 - 3.75]
    assert weights.pairs == 2


def test_ranks_are_those_among_the_pairs_that_count() -> None:
    # -4, 9, 5, 5 rank as 0, 3, 1, 2 of 4.
    assert np.allclose(weigh(2, "centred_ranks").shaped, [-1 / 2, 1 / 2, -1 / 6, 1 / 6])


def test_the_penalty_counts_before_the_pairs_are_chosen() -> None:
    # Less the members' number squared, the better of the pairs have 3, 0, -14 and -31.
    assert weigh(2, l2_penalty=1.0).shaped.tolist() == [3.0, 0.0, -8.0, 0.0]


@pytest.mark.parametrize(("ratio", "elites"), [(1.0, 30), (0.5, 15), (0.1, 3), (0.05, 2), (0.001, 1)])
def test_the_elite_ratio_is_rounded_and_leaves_one_pair_at_least(ratio: float, elites: int) -> None:
    assert ShapingOptions(name="any", elite_ratio=ratio).elites(30) == elites

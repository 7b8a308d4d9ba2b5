"""How the fitness of mirrored pairs becomes their weights, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from seedcast.services.master.strategies.base import Population
from seedcast.services.master.strategies.fitness_shaping import (
    FITNESS_SHAPINGS,
    FitnessShaping,
    ShapingOptions,
    raw,
    subtract_l2_penalty,
)
from seedcast.services.master.strategies.pairs import PairWeights, weigh_pairs

FITNESS = np.array([3.0, 1.0, -4.0, 9.0, 0.0, 2.0, 5.0, 5.0])
"""Of four pairs, whose better members have 3, 9, 2 and 5."""


def weigh(count: int, shaping: FitnessShaping = "raw", l2_penalty: float = 0.0) -> PairWeights:
    members = np.repeat(np.arange(8, dtype=np.float32)[:, None], 3, axis=1)
    fitness = subtract_l2_penalty(FITNESS, Population(members), l2_penalty)
    return weigh_pairs(fitness, count, FITNESS_SHAPINGS[shaping])


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
    # -4, 9, 5, 5 rank as 0, 3, 1.5, 1.5 of 4.
    assert np.allclose(weigh(2, "centred_ranks").shaped, [-1 / 2, 1 / 2, 0, 0])


def test_the_penalty_counts_before_the_pairs_are_chosen() -> None:
    # Less the members' number squared, the better of the pairs have 3, 0, -14 and -31.
    assert weigh(2, l2_penalty=1.0).shaped.tolist() == [3.0, 0.0, -8.0, 0.0]


def test_a_penalty_on_the_shaped_fitness_counts_after_the_pairs_are_chosen() -> None:
    weights = weigh_pairs(FITNESS, 2, raw, penalty=np.arange(8.0))
    assert weights.shaped.tolist() == [-4.0 - 2, 9.0 - 3, 5.0 - 6, 5.0 - 7]


def test_all_pairs_that_equal_the_last_one_count() -> None:
    fitness = np.array([3.0, 1.0, 0.0, 3.0, 9.0, 0.0, 2.0, 2.0])
    weights = weigh_pairs(fitness, 2, raw)
    assert weights.linear.tolist() == [1.0, -1.5, 4.5, 0.0]
    assert weights.pairs == 3


@pytest.mark.parametrize(("ratio", "pairs"), [(1.0, 30), (0.5, 15), (0.1, 3), (0.05, 2), (0.001, 1)])
def test_the_ratio_of_top_pairs_is_rounded_and_leaves_one_pair_at_least(ratio: float, pairs: int) -> None:
    assert ShapingOptions(name="any", top_pairs_ratio=ratio).top_pairs(30) == pairs


def test_the_earlier_name_of_the_ratio_is_still_read() -> None:
    spec = ShapingOptions.model_validate({"name": "any", "elite_ratio": 0.25})
    assert spec == ShapingOptions(name="any", top_pairs_ratio=0.25)
    with pytest.raises(ValidationError, match="elite_ratio"):
        ShapingOptions.model_validate({"name": "any", "elite_ratio": 0.25, "top_pairs_ratio": 0.25})

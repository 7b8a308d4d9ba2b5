"""Fitness shaping and the L2 penalty, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.master.strategies.base import Population
from services.master.strategies.fitness_shaping import (
    FITNESS_SHAPINGS,
    centred_ranks,
    raw,
    subtract_l2_penalty,
    z_score,
)


def test_centred_ranks_spread_evenly_from_minus_a_half_for_the_worst_to_a_half_for_the_best() -> None:
    assert centred_ranks(np.array([30.0, -5.0, 1e9, 7.0, 29.0])).tolist() == [0.25, -0.5, 0.5, -0.25, 0.0]


def test_equal_fitness_ranks_by_index() -> None:
    # Long enough that an unstable sort would shuffle it: the even members are worse than the odd ones.
    ranks = centred_ranks(np.arange(101).astype(np.float64) % 2)
    assert ranks[0::2].tolist() == [i / 100 - 0.5 for i in range(51)]
    assert ranks[1::2].tolist() == [i / 100 - 0.5 for i in range(51, 101)]


def test_centred_ranks_ignore_how_far_apart_the_fitness_lies() -> None:
    fitness = np.array([0.3, -2.0, 5.0, 1.0])
    assert np.array_equal(centred_ranks(fitness), centred_ranks(np.exp(fitness)))


def test_z_scores_have_mean_0_and_standard_deviation_1() -> None:
    assert z_score(np.array([1.0, 3.0])).tolist() == [-1.0, 1.0]


def test_z_scores_of_equal_fitness_are_zero() -> None:
    assert z_score(np.full(3, 7.0)).tolist() == [0.0, 0.0, 0.0]


def test_raw_fitness_stays_as_it_is() -> None:
    assert raw(np.array([4.0, -1.0])).tolist() == [4.0, -1.0]


@pytest.mark.parametrize("name", list(FITNESS_SHAPINGS))
def test_a_shaping_does_not_write_into_the_fitness(name: str) -> None:
    fitness = np.array([3.0, 1.0, 2.0])
    FITNESS_SHAPINGS[name](fitness)  # type: ignore[index]
    assert fitness.tolist() == [3.0, 1.0, 2.0]


def test_the_penalty_takes_the_mean_square_of_each_members_own_parameters_off_its_fitness() -> None:
    members = np.array([[1.0, -3.0], [0.0, 0.0], [2.0, 2.0]], np.float32)
    penalised = subtract_l2_penalty(np.array([10.0, 10.0, 10.0]), Population(members), 0.5)
    assert penalised.tolist() == [7.5, 10.0, 8.0]


def test_the_penalty_of_a_member_does_not_depend_on_how_many_others_there_are() -> None:
    members = np.random.default_rng(1).normal(size=(21, 1001)).astype(np.float32)
    whole = subtract_l2_penalty(np.zeros(21), Population(members), 1.0)
    alone = [subtract_l2_penalty(np.zeros(1), Population(members[i : i + 1]), 1.0)[0] for i in range(21)]
    assert np.array_equal(whole, alone)


def test_no_penalty_leaves_the_fitness_alone() -> None:
    fitness = np.array([1.0, 2.0])
    assert np.array_equal(subtract_l2_penalty(fitness, Population(np.ones((2, 3), np.float32)), 0.0), fitness)

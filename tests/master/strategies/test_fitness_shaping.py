"""Fitness shaping and the L2 penalty, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedcast.services.master.strategies.base import Population
from seedcast.services.master.strategies.fitness_shaping import (
    FITNESS_SHAPINGS,
    FitnessShaping,
    ShapingOptions,
    best_pairs,
    by_rank,
    centred_ranks,
    nes_utilities,
    raw,
    robust_z_score,
    subtract_l2_penalty,
    z_score,
)


def test_centred_ranks_spread_evenly_from_minus_a_half_for_the_worst_to_a_half_for_the_best() -> None:
    assert centred_ranks(np.array([30.0, -5.0, 1e9, 7.0, 29.0])).tolist() == [0.25, -0.5, 0.5, -0.25, 0.0]


def test_members_of_equal_fitness_share_the_mean_of_their_ranks() -> None:
    assert centred_ranks(np.array([7.0, 1.0, 7.0, 0.0, 7.0])).tolist() == [0.25, -0.25, 0.25, -0.5, 0.25]


@given(st.lists(st.integers(-2, 2), min_size=2, max_size=30))
def test_ranks_with_ties_are_the_average_of_those_of_every_way_to_break_them(values: list[int]) -> None:
    fitness = np.array(values, np.float64)
    orders = (np.argsort(np.argsort(fitness + 1e-9 * step * np.arange(len(values)))) for step in (1, -1))
    assert np.allclose(centred_ranks(fitness), sum(orders) / 2 / (len(values) - 1) - 0.5)


@pytest.mark.parametrize("count", [2, 3, 7, 24, 101, 256])
@pytest.mark.parametrize("name", ["centred_ranks", "nes_utilities", "z_score", "robust_z_score"])
def test_equal_fitness_weighs_exactly_nothing(name: FitnessShaping, count: int) -> None:
    assert not FITNESS_SHAPINGS[name](np.full(count, 0.1)).any()


def test_the_weights_of_ranks_are_averaged_over_ties_and_otherwise_given_as_they_are() -> None:
    weights = np.array([0.1, 0.2, 0.4, 0.8])  # from the worst to the best
    assert by_rank(np.array([5.0, -1.0, 9.0, 7.0]), weights).tolist() == [0.2, 0.1, 0.8, 0.4]
    assert by_rank(np.array([5.0, -1.0, 9.0, 5.0]), weights).tolist() == pytest.approx([0.3, 0.1, 0.8, 0.3])


def test_centred_ranks_ignore_how_far_apart_the_fitness_lies() -> None:
    fitness = np.array([0.3, -2.0, 5.0, 1.0])
    assert np.array_equal(centred_ranks(fitness), centred_ranks(np.exp(fitness)))


def test_z_scores_have_mean_0_and_standard_deviation_1() -> None:
    assert z_score(np.array([1.0, 3.0])).tolist() == [-1.0, 1.0]


def test_z_scores_of_equal_fitness_are_zero() -> None:
    assert z_score(np.full(3, 7.0)).tolist() == [0.0, 0.0, 0.0]


def test_robust_z_scores_are_in_deviations_of_the_usual_members_and_add_up_to_0() -> None:
    weights = robust_z_score(np.array([4.0, 2.0, 3.0, 1.0, 5.0]))  # median 3, absolute deviations 0, 1, 1, 2, 2
    assert weights == pytest.approx(np.array([1.0, -1.0, 0.0, -2.0, 2.0]) / 1.4826)
    assert robust_z_score(np.array([1.0, 2.0, 3.0, 40.0])).sum() == pytest.approx(0, abs=1e-15)


def test_a_failure_counts_as_one_by_robust_z_scores_and_hides_no_difference() -> None:
    usual = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    failed, worse = (robust_z_score(np.append(usual, fitness)) for fitness in (-100.0, -1e9))
    assert failed.tolist() == worse.tolist()
    assert failed[-1] - np.median(failed) == pytest.approx(-3)
    assert np.diff(failed[:8]) == pytest.approx(1 / (2 * 1.4826))
    assert np.ptp(z_score(np.append(usual, -1e9))[:8]) < 1e-7


@pytest.mark.parametrize("cut", [0.5, 3.0, 12.0])
def test_the_cut_of_robust_z_scores_is_a_hyperparameter(cut: float) -> None:
    fitness = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, -1e9])
    weights = ShapingOptions(name="pgpe", fitness_shaping="robust_z_score", outlier_cut=cut).shape(fitness)
    assert weights.min() - np.median(weights) == pytest.approx(-cut)


@pytest.mark.parametrize("name", list(FITNESS_SHAPINGS))
def test_the_options_shape_by_their_name(name: FitnessShaping) -> None:
    fitness = np.array([1.0, 7.0, 3.0, -100.0])
    shaped = ShapingOptions(name="pgpe", fitness_shaping=name).shape(fitness)
    assert shaped.tolist() == FITNESS_SHAPINGS[name](fitness).tolist()


def test_robust_z_scores_are_z_scores_where_most_are_equal() -> None:
    fitness = np.array([7.0, 7.0, 7.0, 7.0, 1.0, 9.0])
    assert robust_z_score(fitness).tolist() == z_score(fitness).tolist()


def test_nes_utilities_of_four_are_the_papers() -> None:
    # ln 3 − ln k is ln 3 and ln 3/2 for the two best, and not above 0 for the others.
    best, second = np.log(3), np.log(1.5)
    expected = [second / (best + second) - 0.25, -0.25, best / (best + second) - 0.25, -0.25]
    assert np.allclose(nes_utilities(np.array([5.0, -1e9, 7.0, 4.9])), expected, rtol=1e-14)


@pytest.mark.parametrize("count", [2, 3, 8, 101])
def test_nes_utilities_add_up_to_0_and_rise_with_the_fitness(count: int) -> None:
    fitness = np.random.default_rng(count).normal(size=count)
    utilities = nes_utilities(fitness)
    assert utilities.sum() == pytest.approx(0, abs=1e-15)
    assert (np.diff(utilities[np.argsort(fitness)]) >= 0).all()
    for rank, member in enumerate(np.argsort(-fitness), start=1):
        weights = [max(0.0, np.log(count / 2 + 1) - np.log(k)) for k in range(1, count + 1)]
        assert utilities[member] == pytest.approx(weights[rank - 1] / sum(weights) - 1 / count, rel=1e-12)


def test_nes_utilities_of_equals_are_equal_and_still_add_up_to_0() -> None:
    utilities = nes_utilities(np.array([0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0]))
    assert len(set(utilities)) == 2
    assert utilities.sum() == pytest.approx(0, abs=1e-15)


def test_the_best_pairs_are_those_whose_better_member_is_best() -> None:
    fitness = np.array([0.0, 1.0, 9.0, -9.0, 3.0, 3.0, 4.0, -50.0])
    assert best_pairs(fitness, 2).tolist() == [1, 3]
    assert best_pairs(fitness, 3).tolist() == [1, 2, 3]
    assert best_pairs(fitness, 4).tolist() == [0, 1, 2, 3]


def test_all_pairs_that_equal_the_last_of_the_best_are_among_them() -> None:
    fitness = np.repeat(np.arange(101.0) % 2, 2)
    assert best_pairs(fitness, 10).tolist() == list(range(1, 101, 2))
    assert best_pairs(fitness, 50).tolist() == list(range(1, 101, 2))
    assert best_pairs(fitness, 51).tolist() == list(range(101))


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

"""Observation statistics: the same bits in any grouping, and the normaliser they give."""

from __future__ import annotations

import numpy as np

from seedcast.shared.observation_stats import CLIP, MINIMUM_STD, Normaliser, ObservationStatistics

RANDOM = np.random.default_rng(0)
EPISODES = [RANDOM.normal([1.0, -2.0, 5.0], [0.1, 3.0, 0.0], (length, 3)) for length in (7, 200, 41, 90)]
COUNTS = np.array([len(episode) for episode in EPISODES], np.int32)
SUMS = np.array([episode.sum(axis=0) for episode in EPISODES])
SQUARES = np.array([(episode**2).sum(axis=0) for episode in EPISODES])


def statistics(*groups: slice) -> ObservationStatistics:
    gathered = ObservationStatistics.empty(3)
    for group in groups:
        gathered.add(COUNTS[group], SUMS[group], SQUARES[group])
    return gathered


def test_grouping_leaves_no_trace_in_the_sums() -> None:
    whole, parts = statistics(slice(0, 4)), statistics(slice(0, 1), slice(1, 3), slice(3, 4))
    assert whole.count == parts.count == COUNTS.sum()
    assert whole.sum.tobytes() == parts.sum.tobytes()
    assert whole.sum_of_squares.tobytes() == parts.sum_of_squares.tobytes()


def test_the_normaliser_has_the_mean_and_deviation_of_all_observations() -> None:
    normaliser = statistics(slice(0, 4)).normaliser()
    together = np.concatenate(EPISODES)
    np.testing.assert_allclose(normaliser.mean, together.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(normaliser.std[:2], together.std(axis=0)[:2], rtol=1e-5)
    assert normaliser.mean.dtype == normaliser.std.dtype == np.float32


def test_an_observation_that_never_moves_is_not_blown_up() -> None:
    assert statistics(slice(0, 4)).normaliser().std[2] == np.float32(MINIMUM_STD)


def test_no_observations_change_nothing() -> None:
    observations = RANDOM.normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(ObservationStatistics.empty(3).normaliser()(observations), observations)


def test_normalised_observations_are_clipped() -> None:
    normaliser = Normaliser(np.zeros(2, np.float32), np.ones(2, np.float32))
    far = np.array([[1e6, -1e6]], np.float32)
    assert normaliser(far).tolist() == [[CLIP, -CLIP]]
    assert far.tolist() == [[1e6, -1e6]]  # the input is left alone


def test_a_lane_is_normalised_the_same_alone_and_in_company() -> None:
    normaliser = statistics(slice(0, 4)).normaliser()
    observations = RANDOM.normal(size=(16, 3)).astype(np.float32)
    alone = np.concatenate([normaliser(row[None]) for row in observations])
    np.testing.assert_array_equal(normaliser(observations), alone)

"""Randomness is looked up by key, never drawn from a running generator."""

from __future__ import annotations

import numpy as np

from seedcast.shared.seeding import EPISODE_SEED_LIMIT, Purpose, episode_seeds, generator, noise


def test_a_draw_belongs_to_its_key_whatever_was_drawn_before() -> None:
    first = noise(3, generation=5, member=7, dimension=100)
    noise(3, generation=5, member=8, dimension=10)
    np.testing.assert_array_equal(noise(3, generation=5, member=7, dimension=100), first)


def test_every_part_of_the_key_counts() -> None:
    draws = [noise(*key, dimension=8).tobytes() for key in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1))]
    assert len(set(draws)) == len(draws)


def test_purposes_never_share_a_stream() -> None:
    draws = {generator(0, purpose, 0, 0).bytes(16) for purpose in Purpose}
    assert len(draws) == len(Purpose)


def test_noise_is_standard_normal() -> None:
    draws = noise(0, generation=0, member=0, dimension=100_000)
    assert draws.dtype == np.float32
    assert abs(draws.mean()) < 0.02
    assert abs(draws.std() - 1) < 0.02


def test_episode_seeds_are_int32_that_every_engine_takes() -> None:
    seeds = episode_seeds(1, Purpose.TRAINING_EPISODES, generation=2, groups=100, episodes=10)
    assert seeds.shape == (100, 10)
    assert seeds.dtype == np.int32
    assert 0 <= seeds.min() <= seeds.max() < EPISODE_SEED_LIMIT
    assert len(set(seeds.ravel().tolist())) > 990


def test_training_and_tests_never_share_episodes() -> None:
    training = episode_seeds(1, Purpose.TRAINING_EPISODES, generation=2, groups=1, episodes=100)
    tests = episode_seeds(1, Purpose.TEST_EPISODES, generation=2, groups=1, episodes=100)
    assert not set(training.ravel().tolist()) & set(tests.ravel().tolist())


def test_the_numbers_of_purposes_and_their_draws_are_part_of_the_contract() -> None:
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        "INITIAL_MEAN": 0,
        "NOISE": 1,
        "TRAINING_EPISODES": 2,
        "TEST_EPISODES": 3,
        "ACTION_NOISE": 4,
        "STRATEGY": 5,
        "CONFIRMING_EPISODES": 6,
        "STUDY": 7,
    }
    assert generator(7, Purpose.NOISE, 3, 4).integers(0, 2**32, 3).tolist() == [2949851407, 1692605076, 1104033174]

"""Random search: chance, and nothing but its best draw."""

from __future__ import annotations

import numpy as np

from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.random_search import RandomSearch, RandomSearchSpec
from seedcast.shared.seeding import noise

SEED, DIMENSION, POPULATION = 3, 12, 40


def build(**options: object) -> RandomSearch:
    initial = np.linspace(-1, 1, DIMENSION).astype(np.float32)
    return RandomSearch(RandomSearchSpec.model_validate(options), Problem(POPULATION, SEED, initial))


def members_of(strategy: RandomSearch) -> np.ndarray:
    return strategy.ask().rows(0, POPULATION)


def test_every_generation_is_drawn_around_the_initial_mean() -> None:
    strategy = build(sigma=0.3)
    start = strategy.mean
    for generation in range(3):
        draws = np.stack([noise(SEED, generation, member, DIMENSION) for member in range(POPULATION)])
        assert np.array_equal(members_of(strategy), start + np.float32(0.3) * draws)
        strategy.tell(np.arange(POPULATION, dtype=float))


def test_the_best_ever_seen_is_kept() -> None:
    strategy = build()
    first = members_of(strategy)
    strategy.tell(np.where(np.arange(POPULATION) == 5, 10.0, 0.0))
    strategy.ask()
    strategy.tell(np.full(POPULATION, 9.0))
    assert np.array_equal(strategy.mean, first[5])
    third = members_of(strategy)
    strategy.tell(np.where(np.arange(POPULATION) == 8, 11.0, 0.0))
    assert np.array_equal(strategy.mean, third[8])


def test_recentring_draws_around_the_new_centre_and_forgets_the_best() -> None:
    strategy = build()
    strategy.ask()
    strategy.tell(np.full(POPULATION, 1e9))
    centre = np.full(DIMENSION, 7, np.float32)
    strategy.recentre(centre)
    assert np.array_equal(strategy.mean, centre)
    members = members_of(strategy)
    assert np.allclose(members.mean(axis=0), 7, atol=1)
    strategy.tell(np.arange(POPULATION, dtype=float))
    assert np.array_equal(strategy.mean, members[-1])

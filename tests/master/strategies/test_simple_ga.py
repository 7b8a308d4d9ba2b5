"""The simple genetic algorithm: who survives, and what their offspring are made of."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.simple_ga import SimpleGA, SimpleGASpec
from seedcast.shared.seeding import noise

SEED, DIMENSION, POPULATION = 3, 12, 40

Array = np.ndarray


def build(**options: object) -> SimpleGA:
    chosen = SimpleGASpec.model_validate({"l2_penalty": 0} | options)
    return SimpleGA(chosen, Problem(POPULATION, SEED, np.linspace(-1, 1, DIMENSION).astype(np.float32)))


def members_of(strategy: SimpleGA) -> Array:
    return strategy.ask().rows(0, POPULATION)


def mutations(generation: int, sigma: float) -> Array:
    draws = [noise(SEED, generation, member, DIMENSION) for member in range(POPULATION)]
    return np.float32(sigma) * np.stack(draws)


def test_the_first_generation_mutates_the_initial_mean() -> None:
    strategy = build(sigma_init=0.3)
    start = strategy.mean
    assert np.array_equal(members_of(strategy), start + mutations(0, 0.3))


def test_the_best_tenth_survives_and_its_best_member_is_the_solution() -> None:
    strategy = build()
    members = members_of(strategy)
    fitness = np.random.default_rng(1).permutation(POPULATION).astype(float)
    strategy.tell(fitness)
    best = np.argsort(-fitness)[:4]
    assert np.array_equal(strategy.state()["elites"], members[best])
    assert np.array_equal(strategy.mean, members[best[0]])


def test_without_crossover_each_child_is_one_elite_and_its_mutation() -> None:
    strategy = build(crossover=False, sigma_decay=1)
    strategy.tell(members_of(strategy).sum(axis=1).astype(float))
    elites = strategy.state()["elites"]
    away = members_of(strategy)[:, None] - mutations(1, 0.1)[:, None] - elites
    parents = np.abs(away).max(axis=2) < 1e-6
    assert (parents.sum(axis=1) == 1).all()
    assert parents.any(axis=0).all()  # every elite has offspring


def test_with_crossover_each_parameter_is_of_one_of_two_elites() -> None:
    strategy = build(sigma_decay=1)
    strategy.tell(members_of(strategy).sum(axis=1).astype(float))
    elites = strategy.state()["elites"]
    unmutated = members_of(strategy) - mutations(1, 0.1)
    of = np.abs(unmutated[:, None] - elites).argmin(axis=1)  # (member, parameter) -> elite
    assert np.allclose(np.take_along_axis(elites, of, axis=0), unmutated, atol=1e-6)
    parents = [len(set(row)) for row in of]
    assert max(parents) == 2
    both = of[[count == 2 for count in parents]]
    first = (both == both[:, :1]).mean()
    assert 0.4 < first < 0.7  # about half from each


def test_elites_stay_until_better_members_come() -> None:
    strategy = build(elite_ratio=0.05)
    first = members_of(strategy)
    strategy.tell(np.arange(POPULATION, dtype=float))
    strategy.ask()
    strategy.tell(np.full(POPULATION, -1.0))
    assert np.array_equal(strategy.state()["elites"], first[[39, 38]])
    third = members_of(strategy)
    strategy.tell(np.where(np.arange(POPULATION) == 7, 38.5, -1.0))
    assert np.array_equal(strategy.state()["elites"], [first[39], third[7]])


def test_forgotten_elites_make_room_for_the_last_generation_only() -> None:
    strategy = build(forget_elites=True)
    strategy.ask()
    strategy.tell(np.arange(POPULATION, dtype=float))
    second = members_of(strategy)
    strategy.tell(np.arange(POPULATION, dtype=float) - 1000)
    assert np.array_equal(strategy.state()["elites"], second[[39, 38, 37, 36]])


def test_sigma_decays_to_its_limit() -> None:
    strategy = build(sigma_init=0.1, sigma_decay=0.5, sigma_limit=0.03)
    sizes = []
    for _ in range(4):
        strategy.ask()
        strategy.tell(np.zeros(POPULATION))
        sizes.append(strategy.summary()["sigma"])
    assert sizes == [0.05, 0.025, 0.025, 0.025]


def test_the_penalty_prefers_small_parameters() -> None:
    strategy = build(l2_penalty=1)
    members = members_of(strategy)
    strategy.tell(np.zeros(POPULATION))
    assert np.array_equal(strategy.mean, members[np.square(members.astype(float)).sum(axis=1).argmin()])


def test_recentring_lets_only_the_new_centre_have_offspring() -> None:
    strategy = build(sigma_decay=1)
    strategy.tell(members_of(strategy).sum(axis=1).astype(float))
    centre = np.full(DIMENSION, 5, np.float32)
    strategy.recentre(centre)
    assert np.array_equal(strategy.mean, centre)
    members = members_of(strategy)
    assert np.array_equal(members, centre + mutations(1, 0.1))
    strategy.tell(np.full(POPULATION, -1e9))
    assert np.array_equal(strategy.mean, members[0])


def test_the_defaults_are_estools() -> None:
    assert SimpleGASpec().model_dump() == {
        "name": "simple_ga",
        "sigma_init": 0.1,
        "sigma_decay": 0.999,
        "sigma_limit": 0.01,
        "elite_ratio": 0.1,
        "crossover": True,
        "forget_elites": False,
        "l2_penalty": 0.01,
    }


def test_memory_holds_the_elites_and_not_the_population() -> None:
    assert SimpleGA.memory_bytes(SimpleGASpec(elite_ratio=0.02), 1_000_000, 1000) < 0.1 * 4 * 1_000_000 * 1000


@pytest.mark.parametrize("ratio", [0.001, 1.0])
def test_one_elite_and_a_population_of_elites_both_work(ratio: float) -> None:
    strategy = build(elite_ratio=ratio)
    for _ in range(3):
        strategy.tell(members_of(strategy).sum(axis=1).astype(float))
    assert len(strategy.state()["elites"]) == max(1, int(POPULATION * ratio))

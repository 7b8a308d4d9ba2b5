"""OpenAI-ES against its equations, written out in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.openai_es import OpenAIES, OpenAIESSpec
from seedcast.services.master.strategies.sampling import GaussianPopulation
from seedcast.shared.seeding import noise

POPULATION, DIMENSION = 12, 7
INITIAL = np.linspace(-1, 1, DIMENSION).astype(np.float32)
FITNESS = np.random.default_rng(0).normal(size=(30, POPULATION))
seeds = pytest.mark.parametrize("seed", [0, 5, 2**40])


def build(seed: int = 5, **options: object) -> OpenAIES:
    return OpenAIES(OpenAIESSpec.model_validate(options), Problem(POPULATION, seed, INITIAL))


def draws(seed: int, generation: int) -> np.ndarray:
    """Return z ``(pairs, dimension)``."""
    pairs = range(POPULATION // 2)
    return np.stack([noise(seed, generation, pair, DIMENSION) for pair in pairs]).astype(np.float64)


def ranks(fitness: np.ndarray) -> np.ndarray:
    order = sorted(range(len(fitness)), key=lambda member: fitness[member])
    return np.array([order.index(member) / (len(fitness) - 1) - 0.5 for member in range(len(fitness))])


@seeds
def test_the_members_are_the_mean_plus_and_minus_sigma_times_the_noise(seed: int) -> None:
    members = build(seed).ask().rows(0, POPULATION)
    assert np.allclose(members[0::2], INITIAL + 0.02 * draws(seed, 0), atol=1e-6)
    assert np.allclose(members[1::2], INITIAL - 0.02 * draws(seed, 0), atol=1e-6)


@seeds
def test_thirty_updates_with_adam_and_weight_decay_follow_the_equations(seed: int) -> None:
    strategy = build(seed)
    theta, first, second = INITIAL.astype(np.float64), np.zeros(DIMENSION), np.zeros(DIMENSION)
    for generation, fitness in enumerate(FITNESS):
        strategy.ask()
        strategy.tell(fitness)
        z, rank, gradient = draws(seed, generation), ranks(fitness), np.zeros(DIMENSION)
        for pair in range(POPULATION // 2):
            gradient += (rank[2 * pair] - rank[2 * pair + 1]) * z[pair] / POPULATION
        gradient -= 0.005 * theta
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        corrected = first / (1 - 0.9 ** (generation + 1)), second / (1 - 0.999 ** (generation + 1))
        theta = theta + 0.01 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
    assert np.allclose(strategy.state()["mean"], theta, rtol=1e-9, atol=1e-12)


@seeds
def test_thirty_updates_with_every_option_follow_the_equations(seed: int) -> None:
    strategy = build(
        seed,
        sigma_init=0.5,
        sigma_schedule={"name": "linear", "generations": 20, "final": 0.1},
        optimizer={"name": "sgd", "step_size": 0.2, "momentum": 0.8},
        learning_rate_schedule={"name": "exponential", "decay": 0.9, "floor": 0.2},
        fitness_shaping="raw",
        top_pairs_ratio=0.5,
        l2_penalty=0.3,
        weight_decay=0.02,
        weight_decay_form="decoupled",
    )
    theta, velocity = INITIAL.astype(np.float64), np.zeros(DIMENSION)
    for generation, fitness in enumerate(FITNESS):
        sigma = 0.5 * (1 - 0.9 * min(generation, 20) / 20)
        rate = 0.2 * max(0.9**generation, 0.2)
        members = strategy.ask().rows(0, POPULATION).astype(np.float64)
        z = draws(seed, generation)
        assert np.allclose(members[0::2], theta + sigma * z, atol=1e-5)
        strategy.tell(fitness)
        penalised = fitness - 0.3 * (members**2).mean(axis=1)
        better = sorted(range(6), key=lambda pair: -max(penalised[2 * pair], penalised[2 * pair + 1]))
        gradient = np.zeros(DIMENSION)
        for pair in better[:3]:
            gradient += (penalised[2 * pair] - penalised[2 * pair + 1]) * z[pair] / 6
        velocity = 0.8 * velocity + rate * gradient
        theta = theta + velocity - rate * 0.02 * theta
    assert np.allclose(strategy.state()["mean"], theta, rtol=1e-6, atol=1e-7)
    assert strategy.summary() == pytest.approx({"sigma": 0.05, "learning_rate": 0.04})


def test_the_defaults_are_the_authors() -> None:
    spec = OpenAIESSpec()
    assert (spec.sigma_init, spec.weight_decay, spec.weight_decay_form) == (0.02, 0.005, "gradient")
    assert (spec.optimizer.name, spec.optimizer.step_size) == ("adam", 0.01)
    assert spec.fitness_shaping == "centred_ranks"


def test_sigma_is_sent_as_one_number() -> None:
    population = build().ask()
    assert isinstance(population, GaussianPopulation)
    assert population.sigma.tolist() == [np.float32(0.02)]


def test_a_state_restored_in_the_middle_of_the_schedules_goes_on_along_them() -> None:
    schedule = {"name": "cosine", "generations": 10}
    options: dict[str, Any] = {"sigma_schedule": schedule, "learning_rate_schedule": schedule}
    strategy, restored = build(**options), build(**options)
    for fitness in FITNESS[:5]:
        strategy.ask()
        strategy.tell(fitness)
    restored.restore(strategy.state())
    assert restored.summary() == strategy.summary() != build(**options).summary()
    one, other = strategy.ask(), restored.ask()
    assert np.array_equal(one.rows(0, POPULATION), other.rows(0, POPULATION))


def test_schedules_in_training_steps_follow_the_steps_told_and_survive_a_restart() -> None:
    schedule = {"name": "linear", "environment_steps": 1000, "final": 0.2}
    options: dict[str, Any] = {"sigma_init": 1.0, "sigma_schedule": schedule, "learning_rate_schedule": schedule}
    strategy = build(**options)
    for steps, factor in ((250, 0.8), (250, 0.8), (750, 0.4), (5000, 0.2)):
        strategy.ask()
        strategy.tell(FITNESS[0], steps)
        restored = build(**options)
        restored.restore(strategy.state())
        for one in (strategy, restored):
            assert one.summary() == pytest.approx({"sigma": factor, "learning_rate": 0.01 * factor})

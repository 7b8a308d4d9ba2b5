"""PEPG against its equations, written out in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.pepg import PEPG, PEPGSpec
from seedcast.shared.seeding import noise

SEED, POPULATION, DIMENSION = 5, 12, 7
seeds = pytest.mark.parametrize("seed", [0, SEED, 2**40])
INITIAL = np.linspace(-1, 1, DIMENSION).astype(np.float32)
FITNESS = np.random.default_rng(0).normal(size=(30, POPULATION))


def build(seed: int = SEED, **options: object) -> PEPG:
    return PEPG(PEPGSpec.model_validate(options), Problem(POPULATION, seed, INITIAL))


def step(strategy: PEPG, fitness: np.ndarray) -> np.ndarray:
    members = strategy.ask().rows(0, POPULATION).astype(np.float64)
    strategy.tell(fitness)
    return members


def perturbations(generation: int, sigma: np.ndarray, seed: int = SEED) -> np.ndarray:
    """Return ε ``(pairs, dimension)``."""
    pairs = range(POPULATION // 2)
    return sigma * np.stack([noise(seed, generation, pair, DIMENSION) for pair in pairs]).astype(np.float64)


def ranks(fitness: np.ndarray) -> np.ndarray:
    order = sorted(range(len(fitness)), key=lambda member: fitness[member])
    return np.array([order.index(member) / (len(fitness) - 1) - 0.5 for member in range(len(fitness))])


def test_the_members_are_the_mean_plus_and_minus_the_perturbations() -> None:
    epsilon = perturbations(0, np.full(DIMENSION, 0.1))
    members = build().ask().rows(0, POPULATION)
    assert np.allclose(members[0::2], INITIAL + epsilon, atol=1e-6)
    assert np.allclose(members[1::2], INITIAL - epsilon, atol=1e-6)


@seeds
def test_thirty_updates_follow_the_equations(seed: int) -> None:
    strategy = build(seed, learning_rate=0.05)
    mean, sigma, rate = INITIAL.astype(np.float64), np.full(DIMENSION, 0.1), 0.05
    first, second = np.zeros(DIMENSION), np.zeros(DIMENSION)
    for generation, fitness in enumerate(FITNESS):
        members = step(strategy, fitness)
        epsilon = perturbations(generation, sigma, seed)
        reward = ranks(fitness) - 0.01 * (members**2).mean(axis=1)
        plus, minus, baseline = reward[0::2], reward[1::2], reward.mean()

        gradient = (plus - minus) @ epsilon
        first, second = 0.99 * first + 0.01 * gradient, 0.999 * second + 0.001 * gradient**2
        correction = 1 - 0.99 ** (generation + 1), 1 - 0.999 ** (generation + 1)
        mean = mean + rate * (first / correction[0]) / (np.sqrt(second / correction[1]) + 1e-8)

        pairs = POPULATION // 2
        delta = ((plus + minus) / 2 - baseline) @ ((epsilon**2 - sigma**2) / sigma) / (2 * pairs)
        sigma = sigma + np.clip(0.2 * delta, -0.2 * sigma, 0.2 * sigma)
        sigma = np.where(sigma > 0.01, sigma * 0.999, sigma)
        rate = rate * 0.9999 if rate > 0.01 else rate

    state = strategy.state()
    assert np.allclose(state["mean"], mean, rtol=1e-9, atol=1e-12)
    assert np.allclose(state["sigma"], sigma, rtol=1e-9)
    assert state["learning_rate"] == pytest.approx(rate, rel=1e-12)
    assert strategy.summary()["learning_rate"] == pytest.approx(0.05 * 0.9999**30)


@pytest.mark.parametrize("optimizer", ["sgd", "clipup"])
def test_the_learning_rate_is_the_step_size_of_any_optimizer(optimizer: str) -> None:
    strategy = build(optimizer=optimizer, learning_rate=0.05, sigma_learning_rate=0, top_pairs_ratio=0.5)
    mean, velocity, sigma = INITIAL.astype(np.float64), np.zeros(DIMENSION), np.full(DIMENSION, 0.1)
    for generation, fitness in enumerate(FITNESS):
        rate = 0.05 * 0.9999**generation
        members = step(strategy, fitness)
        pairs = sorted(range(6), key=lambda pair: -max(fitness[2 * pair], fitness[2 * pair + 1]))[:3]
        chosen = [2 * pair + k for pair in sorted(pairs) for k in (0, 1)]
        reward = ranks(fitness[chosen]) - 0.01 * (members[chosen] ** 2).mean(axis=1)
        gradient = (reward[0::2] - reward[1::2]) @ perturbations(generation, sigma)[sorted(pairs)]
        if optimizer == "clipup":
            gradient = gradient / np.linalg.norm(gradient)
        velocity = 0.9 * velocity + rate * gradient
        if optimizer == "clipup":
            velocity *= min(1.0, 2 * rate / float(np.linalg.norm(velocity)))
        mean, sigma = mean + velocity, sigma * 0.999
    assert np.allclose(strategy.state()["mean"], mean, rtol=1e-9, atol=1e-12)


def test_sigma_changes_by_at_most_the_given_share_of_itself() -> None:
    strategy = build(sigma_learning_rate=10, sigma_decay=1, fitness_shaping="raw", sigma_max_change=0.125)
    step(strategy, FITNESS[0] * 1e6)
    change = strategy.state()["sigma"] / 0.1 - 1
    assert np.abs(change).max() == pytest.approx(0.125)
    assert change.min() < 0 < change.max()


def test_sigma_decays_only_above_its_limit() -> None:
    for limit, expected in [(0.05, 0.1 * 0.9), (0.1, 0.1)]:
        strategy = build(sigma_learning_rate=0, sigma_decay=0.9, sigma_limit=limit)
        step(strategy, FITNESS[0])
        assert np.allclose(strategy.state()["sigma"], expected)


def test_the_learning_rate_decays_only_above_its_limit() -> None:
    strategy = build(learning_rate=0.02, learning_rate_decay=0.5, learning_rate_limit=0.01)
    rates = []
    for fitness in FITNESS[:3]:
        step(strategy, fitness)
        rates.append(strategy.summary()["learning_rate"])
    assert rates == [0.01, 0.01, 0.01]


def test_a_restored_learning_rate_goes_on_decaying_from_where_it_was() -> None:
    strategy, restored = build(learning_rate=0.05), build(learning_rate=0.05)
    for fitness in FITNESS[:5]:
        step(strategy, fitness)
    restored.restore(strategy.state())
    assert np.array_equal(step(strategy, FITNESS[5]), step(restored, FITNESS[5]))
    assert strategy.summary() == restored.summary()


def test_weight_decay_pulls_the_mean_towards_zero() -> None:
    # All members are equally fit: only the penalty tells them apart.
    strategy = build(weight_decay=1.0)
    before = np.square(strategy.mean).sum()
    for _ in range(60):
        step(strategy, np.zeros(POPULATION))
    assert np.square(strategy.mean).sum() < before / 2


def test_equal_raw_fitness_moves_nothing() -> None:
    strategy = build(fitness_shaping="raw", weight_decay=0, sigma_decay=1)
    step(strategy, np.full(POPULATION, 3.0))
    assert np.array_equal(strategy.mean, INITIAL)
    assert np.allclose(strategy.state()["sigma"], 0.1, rtol=1e-12)


@pytest.mark.parametrize("shaping", ["z_score", "raw"])
def test_the_scale_of_fitness_that_is_not_ranked_is_taken_out_of_the_change_of_sigma(shaping: str) -> None:
    strategy = build(fitness_shaping=shaping, weight_decay=0, sigma_decay=1, sigma_max_change=0.999)
    step(strategy, FITNESS[0] * 1000)
    plus, minus, baseline = FITNESS[0][0::2], FITNESS[0][1::2], FITNESS[0].mean()
    draws = perturbations(0, np.ones(DIMENSION))
    delta = 0.1 * ((plus + minus) / 2 - baseline) @ (draws**2 - 1) / (POPULATION * FITNESS[0].std())
    assert np.allclose(strategy.state()["sigma"], 0.1 + 0.2 * delta, rtol=1e-6)


def test_the_defaults_are_the_samples() -> None:
    assert PEPGSpec().model_dump() == {
        "name": "pepg",
        "sigma_init": 0.1,
        "sigma_learning_rate": 0.2,
        "sigma_max_change": 0.2,
        "sigma_decay": 0.999,
        "sigma_limit": 0.01,
        "learning_rate": 0.01,
        "learning_rate_decay": 0.9999,
        "learning_rate_limit": 0.01,
        "optimizer": "adam",
        "adam_beta1": 0.99,
        "fitness_shaping": "centred_ranks",
        "outlier_cut": 3.0,
        "top_pairs_ratio": 1.0,
        "weight_decay": 0.01,
    }

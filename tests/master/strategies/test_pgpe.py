"""PGPE against its equations, written out in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.pgpe import PGPE, PGPESpec
from seedcast.shared.seeding import noise

SEED, POPULATION, DIMENSION = 9, 10, 6
seeds = pytest.mark.parametrize("seed", [0, SEED, 2**40])
INITIAL = np.linspace(-1, 1, DIMENSION).astype(np.float32)
FITNESS = np.random.default_rng(0).normal(size=(30, POPULATION))


def build(seed: int = SEED, **options: object) -> PGPE:
    return PGPE(PGPESpec.model_validate(options), Problem(POPULATION, seed, INITIAL))


def step(strategy: PGPE, fitness: np.ndarray) -> None:
    strategy.ask()
    strategy.tell(fitness)


def perturbations(generation: int, sigma: np.ndarray, seed: int = SEED) -> np.ndarray:
    """Return ε ``(pairs, dimension)``."""
    pairs = range(POPULATION // 2)
    return sigma * np.stack([noise(seed, generation, pair, DIMENSION) for pair in pairs]).astype(np.float64)


def ranks(fitness: np.ndarray) -> np.ndarray:
    order = sorted(range(len(fitness)), key=lambda member: fitness[member])
    return np.array([order.index(member) / (len(fitness) - 1) - 0.5 for member in range(len(fitness))])


@seeds
def test_thirty_updates_with_clipup_follow_the_equations(seed: int) -> None:
    strategy = build(seed, radius=3.0)
    mean, sigma = INITIAL.astype(np.float64), np.full(DIMENSION, 3 / np.sqrt(DIMENSION))
    velocity = np.zeros(DIMENSION)
    for generation, fitness in enumerate(FITNESS):
        step(strategy, fitness)
        epsilon, shaped, pairs = perturbations(generation, sigma, seed), ranks(fitness), POPULATION // 2
        mean_gradient, sigma_gradient = np.zeros(DIMENSION), np.zeros(DIMENSION)
        for pair in range(pairs):
            plus, minus = shaped[2 * pair], shaped[2 * pair + 1]
            mean_gradient += (plus - minus) / 2 * epsilon[pair] / pairs
            spread = (epsilon[pair] ** 2 - sigma**2) / sigma
            sigma_gradient += ((plus + minus) / 2 - shaped.mean()) * spread / pairs
        velocity = 0.9 * velocity + 0.15 * mean_gradient / np.linalg.norm(mean_gradient)
        velocity *= min(1.0, 0.3 / float(np.linalg.norm(velocity)))
        mean = mean + velocity
        sigma = sigma + np.clip(0.1 * sigma_gradient, -0.2 * sigma, 0.2 * sigma)
    state = strategy.state()
    assert np.allclose(state["mean"], mean, rtol=1e-9, atol=1e-12)
    assert np.allclose(state["sigma"], sigma, rtol=1e-9)


@seeds
def test_thirty_updates_with_every_option_follow_the_equations(seed: int) -> None:
    strategy = build(
        seed,
        sigma_init=0.5,
        sigma_schedule={"name": "exponential", "decay": 0.95, "floor": 0.4},
        optimizer={"name": "clipup", "step_size": 0.2, "max_speed": 0.3},
        learning_rate_schedule={"name": "linear", "generations": 20, "final": 0.25},
        fitness_shaping="z_score",
        top_pairs_ratio=0.6,
        l2_penalty=0.2,
        weight_decay=0.01,
    )
    mean, sigma, velocity = INITIAL.astype(np.float64), np.full(DIMENSION, 0.5), np.zeros(DIMENSION)
    for generation, fitness in enumerate(FITNESS):
        members = strategy.ask().rows(0, POPULATION).astype(np.float64)
        strategy.tell(fitness)
        penalised = fitness - 0.2 * (members**2).mean(axis=1)
        best = sorted(range(5), key=lambda pair: -max(penalised[2 * pair], penalised[2 * pair + 1]))[:3]
        used = np.array([[penalised[2 * pair], penalised[2 * pair + 1]] for pair in best])
        plus, minus = ((used - used.mean()) / used.std()).T
        epsilon = perturbations(generation, sigma, seed)[best]
        mean_gradient = (plus - minus) / 2 @ epsilon / 3 - 0.01 * mean
        sigma_gradient = (plus + minus) / 2 @ ((epsilon**2 - sigma**2) / sigma) / 3
        share = 1 - 0.75 * min(generation, 20) / 20
        velocity = 0.9 * velocity + share * 0.2 * mean_gradient / np.linalg.norm(mean_gradient)
        velocity *= min(1.0, share * 0.3 / float(np.linalg.norm(velocity)))
        mean = mean + velocity
        sigma = sigma + np.clip(0.1 * sigma_gradient, -0.2 * sigma, 0.2 * sigma)
        sigma = sigma * max(0.95 ** (generation + 1), 0.4) / max(0.95**generation, 0.4)
    state = strategy.state()
    assert np.allclose(state["mean"], mean, rtol=1e-6, atol=1e-7)
    assert np.allclose(state["sigma"], sigma, rtol=1e-6)
    assert strategy.summary()["learning_rate"] == pytest.approx(0.25 * 0.2)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ({"name": "sgd", "step_size": 2.0, "momentum": 0}, lambda gradient: 2 * gradient),
        ({"name": "adam", "step_size": 0.5}, lambda gradient: 0.5 * np.sign(gradient)),
    ],
    ids=["sgd", "adam"],
)
def test_the_optimizer_is_a_choice(optimizer: dict[str, object], expected: object) -> None:
    strategy = build(sigma_init=0.5, optimizer=optimizer)
    step(strategy, FITNESS[0])
    shaped = ranks(FITNESS[0])
    gradient = (shaped[0::2] - shaped[1::2]) / 2 @ perturbations(0, np.full(DIMENSION, 0.5)) / (POPULATION // 2)
    assert callable(expected)
    assert np.allclose(strategy.state()["mean"], INITIAL + expected(gradient), rtol=1e-5)


def test_sigma_changes_by_at_most_the_given_share_of_itself() -> None:
    strategy = build(sigma_init=1.0, sigma_learning_rate=10, fitness_shaping="raw", sigma_max_change=0.125)
    step(strategy, FITNESS[0] * 1e6)
    change = strategy.state()["sigma"] - 1
    assert np.allclose(np.abs(change), 0.125)
    assert change.min() < 0 < change.max()


def test_the_penalty_pulls_the_mean_towards_zero() -> None:
    # All members are equally fit: only the penalty tells them apart.
    strategy = build(sigma_init=0.1, l2_penalty=1.0)
    before = np.square(strategy.mean).sum()
    for _ in range(10):
        step(strategy, np.zeros(POPULATION))
    assert np.square(strategy.mean).sum() < before / 2


def test_without_options_sigma_starts_at_a_radius_of_4_and_a_half() -> None:
    assert np.allclose(build().state()["sigma"], 4.5 / np.sqrt(DIMENSION))


def test_sigma_init_replaces_the_radius() -> None:
    assert np.array_equal(build(sigma_init=0.25).state()["sigma"], np.full(DIMENSION, 0.25))


def test_a_radius_and_a_sigma_init_together_are_refused() -> None:
    with pytest.raises(ValidationError, match="radius or sigma_init, not both"):
        PGPESpec(radius=1.0, sigma_init=0.1)


@pytest.mark.parametrize("options", [{}, {"radius": 2.0}, {"sigma_init": 0.1}])
def test_a_specification_survives_being_written_and_read(options: dict[str, float]) -> None:
    spec = PGPESpec.model_validate(options)
    assert PGPESpec.model_validate(spec.model_dump()) == spec


def test_a_sigma_that_is_learnt_falls_by_the_steps_of_its_generations_too() -> None:
    falling, learnt = build(sigma_schedule={"name": "cosine", "environment_steps": 900, "final": 0.1}), build()
    for steps in (300, 450, 900, 2000):
        for strategy in (falling, learnt):
            strategy.ask()
            strategy.tell(FITNESS[0], steps)
        share = 0.1 + 0.9 * (1 + np.cos(np.pi * min(steps / 900, 1))) / 2
        assert np.allclose(falling.state()["sigma"], share * learnt.state()["sigma"], rtol=1e-12)

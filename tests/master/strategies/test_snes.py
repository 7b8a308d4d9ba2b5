"""SNES against its equations, written out in plain numpy, and against the one of pints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.snes import SNES, SNESSpec
from seedcast.shared.seeding import noise

POPULATION, DIMENSION = 11, 7
INITIAL = np.linspace(-1, 1, DIMENSION).astype(np.float32)
FITNESS = np.random.default_rng(0).normal(size=(30, POPULATION))
seeds = pytest.mark.parametrize("seed", [0, 5, 2**40])


def build(seed: int = 5, **options: object) -> SNES:
    return SNES(SNESSpec.model_validate(options), Problem(POPULATION, seed, INITIAL))


def draws(seed: int, generation: int) -> np.ndarray:
    """Return z ``(members, dimension)``."""
    rows = [noise(seed, generation, member, DIMENSION) for member in range(POPULATION)]
    return np.stack(rows).astype(np.float64)


def utilities(fitness: np.ndarray) -> np.ndarray:
    count = len(fitness)
    weights = [max(0.0, np.log(count / 2 + 1) - np.log(k)) for k in range(1, count + 1)]
    best_first = sorted(range(count), key=lambda member: -fitness[member])
    return np.array([weights[best_first.index(k)] / sum(weights) - 1 / count for k in range(count)])


@seeds
@pytest.mark.parametrize("rate", [None, 0.3])
def test_thirty_updates_follow_the_equations(seed: int, rate: float | None) -> None:
    strategy = build(seed, sigma_init=0.5, sigma_learning_rate=rate, mean_learning_rate=0.8, l2_penalty=0.1)
    eta = rate or (3 + np.log(DIMENSION)) / (5 * np.sqrt(DIMENSION))
    mean, sigma = INITIAL.astype(np.float64), np.full(DIMENSION, 0.5)
    for generation, fitness in enumerate(FITNESS):
        z = draws(seed, generation)
        members = strategy.ask().rows(0, POPULATION).astype(np.float64)
        assert np.allclose(members, mean + sigma * z, atol=1e-5)
        strategy.tell(fitness)
        u = utilities(fitness - 0.1 * (members**2).mean(axis=1))
        along, spread = np.zeros(DIMENSION), np.zeros(DIMENSION)
        for k in range(POPULATION):
            along += u[k] * z[k]
            spread += u[k] * (z[k] ** 2 - 1)
        mean = mean + 0.8 * sigma * along
        sigma = sigma * np.exp(eta / 2 * spread)
    state = strategy.state()
    assert np.allclose(state["mean"], mean, rtol=1e-9, atol=1e-12)
    assert np.allclose(state["sigma"], sigma, rtol=1e-9)


def test_a_schedule_multiplies_what_is_learnt() -> None:
    schedule = {"name": "exponential", "decay": 0.5, "floor": 0.1}
    plain, scheduled = build(), build(sigma_schedule=schedule)
    for generation, share in enumerate([0.5, 0.25, 0.125, 0.1, 0.1]):
        for strategy in (plain, scheduled):
            strategy.ask()
            strategy.tell(FITNESS[generation])
        assert np.allclose(scheduled.state()["sigma"], share * plain.state()["sigma"], rtol=1e-12)


@seeds
def test_a_run_is_that_of_pints_given_the_same_draws(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pints = pytest.importorskip("pints")
    generations = 60
    every = iter(np.concatenate([draws(seed, generation) for generation in range(generations)]))
    monkeypatch.setattr(np.random, "normal", lambda *_: next(every))
    peer = pints.SNES(INITIAL.astype(np.float64), sigma0=np.full(DIMENSION, 0.5))
    peer.set_population_size(POPULATION)
    strategy = build(seed, sigma_init=0.5)
    for _ in range(generations):
        points, members = peer.ask(), strategy.ask().rows(0, POPULATION)
        assert np.allclose(members, points, atol=1e-5)
        loss = rosenbrock(members.astype(np.float64))
        peer.tell(loss)
        strategy.tell(-loss)
    assert np.allclose(strategy.state()["mean"], peer.x_guessed(), rtol=1e-9)
    assert np.allclose(strategy.state()["sigma"], peer._sigmas, rtol=1e-9)


def rosenbrock(points: Any) -> np.ndarray:
    ahead, behind = points[:, 1:], points[:, :-1]
    return np.asarray((100 * (ahead - behind**2) ** 2 + (1 - behind) ** 2).sum(axis=1))

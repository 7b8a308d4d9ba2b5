"""ARS against its equation, written out in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.strategies.ars import ARS, ARSSpec
from seedcast.services.master.strategies.base import Problem
from seedcast.shared.seeding import noise

POPULATION, DIMENSION = 16, 7
DIRECTIONS = POPULATION // 2
INITIAL = np.linspace(-1, 1, DIMENSION).astype(np.float32)
RETURNS = 100 + 30 * np.random.default_rng(0).normal(size=(30, POPULATION))
seeds = pytest.mark.parametrize("seed", [0, 5, 2**40])


def build(seed: int = 5, **options: object) -> ARS:
    return ARS(ARSSpec.model_validate(options), Problem(POPULATION, seed, INITIAL))


def draws(seed: int, generation: int) -> np.ndarray:
    """Return δ ``(directions, dimension)``."""
    rows = [noise(seed, generation, direction, DIMENSION) for direction in range(DIRECTIONS)]
    return np.stack(rows).astype(np.float64)


@seeds
@pytest.mark.parametrize("top", [None, 8, 3, 1], ids=["v1", "all", "v1-t", "one"])
def test_thirty_updates_follow_the_equation(seed: int, top: int | None) -> None:
    strategy = build(seed, top_directions=top, sigma_init=0.03)
    theta, b = INITIAL.astype(np.float64), top or DIRECTIONS
    for generation, returns in enumerate(RETURNS):
        delta = draws(seed, generation)
        members = strategy.ask().rows(0, POPULATION)
        assert np.allclose(members[0::2], theta + 0.03 * delta, atol=1e-5)
        assert np.allclose(members[1::2], theta - 0.03 * delta, atol=1e-5)
        strategy.tell(returns)
        plus, minus = returns[0::2], returns[1::2]
        best = sorted(range(DIRECTIONS), key=lambda k: -max(plus[k], minus[k]))[:b]
        used = [plus[k] for k in best] + [minus[k] for k in best]
        deviation = np.sqrt(sum((r - sum(used) / len(used)) ** 2 for r in used) / len(used))
        for k in best:
            theta = theta + 0.02 / (b * deviation) * (plus[k] - minus[k]) * delta[k]
    assert np.allclose(strategy.state()["mean"], theta, rtol=1e-9, atol=1e-12)


def test_directions_that_equal_the_last_one_are_all_used() -> None:
    strategy = build(top_directions=3)
    strategy.ask()
    strategy.tell(np.array([7.0, 1, 9, 0, 7, 2, 7, 3, 1, 1, 1, 1, 1, 1, 1, 1]))
    used = np.array([7.0, 1, 9, 0, 7, 2, 7, 3])  # all three with a 7 after the 9
    delta = draws(5, 0)
    step = 0.02 / (4 * used.std()) * (6 * delta[0] + 9 * delta[1] + 5 * delta[2] + 4 * delta[3])
    assert np.allclose(strategy.state()["mean"], INITIAL + step, rtol=1e-12)


def test_more_top_directions_than_there_are_means_all() -> None:
    one, other = build(), build(top_directions=1000)
    for strategy in (one, other):
        strategy.ask()
        strategy.tell(RETURNS[0])
    assert np.array_equal(one.state()["mean"], other.state()["mean"])


def test_equal_returns_move_nothing() -> None:
    strategy = build()
    strategy.ask()
    strategy.tell(np.full(POPULATION, 5.0))
    assert np.array_equal(strategy.mean, INITIAL)


def test_the_defaults_are_the_authors() -> None:
    spec = ARSSpec()
    assert (spec.sigma_init, spec.top_directions) == (0.03, None)
    assert spec.optimizer.model_dump() == {"name": "sgd", "step_size": 0.02, "momentum": 0.0}

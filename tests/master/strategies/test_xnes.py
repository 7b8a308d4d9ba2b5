"""xNES against its papers' equations, worked member by member."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest

from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.xnes import XNES, XNESSpec
from seedcast.shared.seeding import noise

Array = np.ndarray


def build(dimension: int, population: int, seed: int, **options: object) -> XNES:
    initial = np.linspace(-1, 1, dimension).astype(np.float32)
    return XNES(XNESSpec.model_validate(options), Problem(population, seed, initial))


def ellipsoid(members: Array) -> Array:
    away = members.astype(np.float64) - 0.5
    away = away + 0.3 * np.roll(away, 1, axis=1)
    return -np.asarray(away**2 @ np.logspace(0, 3, members.shape[1]))


def exponential(matrix: Array) -> Array:
    """Return the matrix exponential by its series, squared back from a small multiple."""
    small = matrix / 2**10
    term = total = np.eye(len(matrix))
    for power in range(1, 20):
        term = term @ small / power
        total = total + term
    for _ in range(10):
        total = total @ total
    return total


class Paper:
    """Algorithm 1 of the 2010 paper."""

    def __init__(self, dimension: int, population: int, seed: int) -> None:
        self.d, self.n, self.seed = dimension, population, seed
        self.mu = np.linspace(-1, 1, dimension).astype(np.float32).astype(np.float64)
        self.sigma, self.B = 0.1, np.eye(dimension)

    def ask(self, generation: int) -> Array:
        self.s = [noise(self.seed, generation, member, self.d).astype(float) for member in range(self.n)]
        return np.array([self.mu + self.sigma * self.B @ s for s in self.s])

    def tell(self, fitness: Array) -> None:
        d, n, identity = self.d, self.n, np.eye(self.d)
        order = sorted(range(n), key=lambda member: -fitness[member])
        positive = [max(0.0, log(n / 2 + 1) - log(rank)) for rank in range(1, n + 1)]
        u = [value / sum(positive) - 1 / n for value in positive]
        s = [self.s[member] for member in order]
        rate = 0.6 * (3 + log(d)) / (d * sqrt(d))
        of_delta = sum(u[k] * s[k] for k in range(n))
        of_m = sum(u[k] * (np.outer(s[k], s[k]) - identity) for k in range(n))
        of_sigma = np.trace(of_m) / d
        of_b = of_m - of_sigma * identity
        self.mu = self.mu + self.sigma * self.B @ of_delta
        self.sigma *= exp(rate / 2 * of_sigma)
        self.B = self.B @ exponential(rate / 2 * of_b)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("dimension", "population"), [(2, 7), (10, 12), (20, 33)])
def test_the_updates_are_those_of_the_papers_equations(dimension: int, population: int, seed: int) -> None:
    strategy, paper = build(dimension, population, seed), Paper(dimension, population, seed)
    for generation in range(25):
        members = strategy.ask().rows(0, population)
        assert np.allclose(members, paper.ask(generation), rtol=1e-6, atol=1e-6)
        fitness = ellipsoid(members)
        strategy.tell(fitness)
        paper.tell(fitness)
        state = strategy.state()
        assert np.allclose(state["mean"], paper.mu, rtol=1e-9, atol=1e-12)
        assert np.allclose(state["shape"], paper.B, rtol=1e-9, atol=1e-12)
        assert state["sigma"] == pytest.approx(paper.sigma, rel=1e-9)


def test_the_learning_rates_can_be_set_apart() -> None:
    frozen = build(5, 10, 1, sigma_learning_rate=1e-12, shape_learning_rate=1e-12, mean_learning_rate=0.5)
    usual = build(5, 10, 1)
    for strategy in (frozen, usual):
        strategy.tell(ellipsoid(strategy.ask().rows(0, 10)))
    start = np.linspace(-1, 1, 5).astype(np.float32)
    assert np.allclose(frozen.state()["mean"] - start, (usual.state()["mean"] - start) / 2)
    assert np.allclose(frozen.state()["shape"], np.eye(5), atol=1e-10)
    assert frozen.state()["sigma"] == pytest.approx(0.1, rel=1e-10)
    assert not np.allclose(usual.state()["shape"], np.eye(5), atol=1e-3)


def test_the_shape_keeps_its_determinant_while_it_learns_the_ellipsoid() -> None:
    strategy = build(6, 12, 1)
    for _ in range(300):
        strategy.tell(ellipsoid(strategy.ask().rows(0, 12)))
    shape = strategy.state()["shape"]
    assert np.linalg.det(shape) == pytest.approx(1, rel=1e-6)
    assert np.linalg.cond(shape) > 10
    assert np.allclose(strategy.mean, 0.5, atol=1e-3)


def test_the_penalty_pulls_the_mean_towards_zero() -> None:
    strategy = build(6, 16, 1, l2_penalty=0.01)
    before = np.square(strategy.mean).sum()
    for _ in range(100):
        strategy.ask()
        strategy.tell(np.zeros(16))
    assert np.square(strategy.mean).sum() < before / 100


def test_recentring_moves_the_mean_and_keeps_what_was_learnt_of_the_shape() -> None:
    strategy = build(6, 12, 1)
    for _ in range(5):
        strategy.tell(ellipsoid(strategy.ask().rows(0, 12)))
    before = strategy.state()
    strategy.recentre(np.full(6, 2, np.float32))
    assert np.array_equal(strategy.mean, np.full(6, 2))
    assert np.array_equal(strategy.state()["shape"], before["shape"])
    assert strategy.state()["sigma"] == before["sigma"]


def test_a_matrix_over_the_limit_shows_in_the_memory_it_says_to_need() -> None:
    assert XNES.memory_bytes(XNESSpec(), 1_000, 16) < XNES.memory_limit < XNES.memory_bytes(XNESSpec(), 20_000, 16)

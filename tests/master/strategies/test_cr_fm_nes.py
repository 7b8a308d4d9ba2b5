"""CR-FM-NES against its paper's equations, worked member by member, and against its authors' implementation."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, sqrt, tanh

import numpy as np
import pytest

from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.cr_fm_nes import CRFMNES, CRFMNESSpec
from seedcast.shared.seeding import Purpose, generator, noise

Array = np.ndarray


def build(dimension: int, population: int, seed: int, **options: object) -> CRFMNES:
    initial = np.linspace(-1, 1, dimension).astype(np.float32)
    return CRFMNES(CRFMNESSpec.model_validate(options), Problem(population, seed, initial))


def rosenbrock(members: Array) -> Array:
    x = members.astype(np.float64) + 1
    return -np.asarray((100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1))


class Paper:
    """The algorithm as the paper lists it, one column vector z, y, s and t for each member."""

    def __init__(self, dimension: int, population: int, seed: int) -> None:
        self.d, self.n, self.seed = dimension, population, seed
        self.m = np.linspace(-1, 1, dimension).astype(np.float32).astype(np.float64)
        self.sigma = 0.1
        first = generator(seed, Purpose.STRATEGY).standard_normal(dimension, np.float32)
        self.v = first.astype(np.float64) / sqrt(dimension)
        self.D = np.ones(dimension)
        self.pc = np.zeros(dimension)
        self.ps = np.zeros(dimension)
        self.phases: list[str] = []

    def ask(self, generation: int) -> Array:
        half = [noise(self.seed, generation, pair, self.d).astype(float) for pair in range(self.n // 2)]
        self.z = [sign * z for z in half for sign in (1, -1)]
        length = np.linalg.norm(self.v)
        unit = self.v / length
        self.y = [z + (sqrt(1 + length**2) - 1) * unit * (unit @ z) for z in self.z]
        self.x = [self.m + self.sigma * self.D * y for y in self.y]
        return np.array(self.x)

    def tell(self, losses: Array) -> None:
        d, n = self.d, self.n
        order = sorted(range(n), key=lambda member: (losses[member], member))
        z, y, x = ([values[member] for member in order] for values in (self.z, self.y, self.x))
        w_hat = [max(0.0, log(n / 2 + 1) - log(rank)) for rank in range(1, n + 1)]
        w_rank = [w / sum(w_hat) - 1 / n for w in w_hat]
        mu_eff = 1 / sum((w + 1 / n) ** 2 for w in w_rank)
        c_sigma = (mu_eff + 2) / (d + mu_eff + 5)
        c_c = (4 + mu_eff / d) / (d + 4 + 2 * mu_eff / d)
        c_1 = 2 / ((d + 1.3) ** 2 + mu_eff) * (d - 5) / 6
        chi = sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d**2))
        weighted = sum(w * z_i for w, z_i in zip(w_rank, z, strict=True))
        self.ps = (1 - c_sigma) * self.ps + sqrt(c_sigma * (2 - c_sigma) * mu_eff) * weighted
        if np.linalg.norm(self.ps) >= chi:
            self.phases.append("moving")
            alpha = self.h_inverse() * min(1, sqrt(n / d))
            far = [w * exp(alpha * np.linalg.norm(z_i)) for w, z_i in zip(w_hat, z, strict=True)]
            weights, eta_sigma = [f / sum(far) - 1 / n for f in far], 1.0
        elif np.linalg.norm(self.ps) >= 0.1 * chi:
            self.phases.append("stagnating")
            weights, eta_sigma = w_rank, tanh((0.024 * n + 0.7 * d + 20) / (d + 12))
        else:
            self.phases.append("converging")
            weights, eta_sigma = w_rank, 2 * tanh((0.025 * n + 0.75 * d + 10) / (d + 4))
        eta_b = tanh((min(0.02 * n, 3 * log(d)) + 5) / (0.23 * d + 25))
        step = sum(w * (x_i - self.m) for w, x_i in zip(weights, x, strict=True))
        self.pc = (1 - c_c) * self.pc + sqrt(c_c * (2 - c_c) * mu_eff) * step / self.sigma
        self.m = self.m + step
        rates = [(eta_b * w, y_i) for w, y_i in zip(weights, y, strict=True)] + [(c_1, self.pc / self.D)]
        gradients = [(rate, *self.gradient(direction)) for rate, direction in rates]
        length = np.linalg.norm(self.v)
        self.v = self.v + sum(rate * t for rate, _, t in gradients) / length
        self.D = self.D + sum(rate * s for rate, s, _ in gradients) * self.D
        determinant = exp(np.log(self.D).sum() / d + log(1 + self.v @ self.v) / (2 * d))
        self.D = self.D / determinant
        growth = sum(w * (z_i @ z_i - d) for w, z_i in zip(weights, z, strict=True)) / d
        self.sigma *= exp(eta_sigma / 2 * growth)

    def gradient(self, y: Array) -> tuple[Array, Array]:
        """Return the s and t of one y."""
        squared = float(self.v @ self.v)
        u = self.v / sqrt(squared)
        gamma = 1 + squared
        alpha = min(1.0, sqrt(squared**2 + (2 * gamma - sqrt(gamma)) / max(u * u)) / (2 + squared))
        b = -(1 - alpha**2) * squared**2 / gamma + 2 * alpha**2
        H = 2 - (b + 2 * alpha**2) * u * u  # noqa: N806
        t = (y @ u) * y - ((y @ u) ** 2 + gamma) / 2 * u
        s = y * y - squared / gamma * (y @ u) * (y * u) - 1
        s = s - alpha / gamma * ((2 + squared) * (t * u) - squared * (u @ t) * (u * u))
        s = s / H - b / (1 + b * (u * u) @ (u * u / H)) * ((u * u / H) @ s) * (u * u / H)
        t = t - alpha * ((2 + squared) * (s * u) - (s @ (u * u)) * u)
        return s, t

    def h_inverse(self) -> float:
        """Solve (1 + a²) exp(a²/2) / 0.24 − 10 = d by Newton's method."""
        a = 6.0
        for _ in range(200):
            a -= ((1 + a * a) * exp(a * a / 2) / 0.24 - 10 - self.d) / (a * exp(a * a / 2) * (3 + a * a) / 0.24)
        return a


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("dimension", "population"), [(6, 8), (10, 24), (40, 12)])
def test_the_updates_are_those_of_the_papers_equations(dimension: int, population: int, seed: int) -> None:
    strategy, paper = build(dimension, population, seed), Paper(dimension, population, seed)
    for generation in range(25):
        members = strategy.ask().rows(0, population)
        assert np.allclose(members, paper.ask(generation), rtol=1e-6, atol=1e-6)
        fitness = rosenbrock(members)
        strategy.tell(fitness)
        paper.tell(-fitness)
        state = strategy.state()
        expected: dict[str, Array | float] = {
            "mean": paper.m,
            "sigma": paper.sigma,
            "scale": paper.D,
            "direction": paper.v,
            "direction_path": paper.pc,
            "sigma_path": paper.ps,
        }
        for name, value in expected.items():
            assert np.allclose(state[name], value, rtol=1e-9, atol=1e-12), (generation, name)
    assert {"moving", "stagnating"} <= set(paper.phases)


@pytest.mark.parametrize("seed", [4, 5])
@pytest.mark.parametrize(("dimension", "population"), [(8, 8), (30, 16)])
def test_the_run_is_the_authors_own_given_the_same_draws(
    dimension: int, population: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = pytest.importorskip("crfmnes.alg")
    strategy = build(dimension, population, seed)
    pairs = np.arange(population).reshape(-1, 2).T.ravel()  # there the mirrored half follows the other
    generation, losses = 0, iter(np.zeros(0))

    def randn(rows: int, columns: int) -> Array:
        draws = [noise(seed, generation, column, rows).astype(float) for column in range(columns)]
        return np.stack(draws, axis=1)

    monkeypatch.setattr(np.random, "randn", randn)
    start = strategy.state()
    own = library.CRFMNES(
        dimension,
        lambda _: next(losses),
        start["mean"][:, None],
        0.1,
        population,
        v=start["direction"][:, None],
        use_constraint_violation=False,
    )
    for generation in range(150):  # noqa: B007 - randn reads it
        members = strategy.ask().rows(0, population)
        fitness = rosenbrock(members)
        losses = iter(-fitness[pairs])
        rows, *_ = own.one_iteration()
        assert np.allclose(members[pairs], rows, rtol=1e-5, atol=1e-6)
        strategy.tell(fitness)
    state = strategy.state()
    for name, value in {"mean": own.m, "scale": own.D, "direction": own.v}.items():
        assert np.allclose(state[name], value[:, 0], rtol=1e-5, atol=1e-7), name
    assert state["sigma"] == pytest.approx(own.sigma, rel=1e-6)


def test_a_member_is_the_same_whichever_rows_are_asked_for() -> None:
    population = build(50, 12, seed=1).ask()
    whole = population.rows(0, 12)
    assert all(np.array_equal(population.rows(at, at + 3), whole[at : at + 3]) for at in range(9))


def test_the_penalty_pulls_the_mean_towards_zero() -> None:
    strategy = build(10, 20, seed=1, l2_penalty=0.01)
    before = np.square(strategy.mean).sum()
    for _ in range(80):
        strategy.ask()
        strategy.tell(np.zeros(20))
    assert np.square(strategy.mean).sum() < before / 100


def test_a_population_of_many_times_the_dimension_stays_finite_on_a_slope() -> None:
    # There the authors' implementation ends in NaN.
    strategy = build(40, 2000, seed=1, sigma_init=1e-3)
    for _ in range(10):
        members = strategy.ask().rows(0, 2000)
        strategy.tell(members.astype(np.float64).sum(axis=1))
    assert all(np.isfinite(value).all() for value in strategy.state().values())


@pytest.mark.parametrize("dimension", [2, 3, 5])
def test_few_dimensions_stay_finite_and_are_solved(dimension: int) -> None:
    strategy = build(dimension, 12, seed=2)
    for _ in range(150):
        strategy.tell(-np.square(strategy.ask().rows(0, 12).astype(np.float64) - 0.5).sum(axis=1))
    assert np.allclose(strategy.mean, 0.5, atol=1e-3)


def test_recentring_moves_the_mean_and_forgets_the_paths() -> None:
    strategy = build(10, 12, seed=1)
    for _ in range(4):
        strategy.tell(rosenbrock(strategy.ask().rows(0, 12)))
    before = strategy.state()
    strategy.recentre(np.full(10, 3, np.float32))
    after = strategy.state()
    assert np.array_equal(strategy.mean, np.full(10, 3))
    assert not after["direction_path"].any()
    assert not after["sigma_path"].any()
    for kept in ("sigma", "scale", "direction"):
        assert np.array_equal(before[kept], after[kept])


def test_what_is_held_grows_with_the_dimension_and_hardly_with_the_population() -> None:
    of: Callable[[int, int], int] = lambda d, n: CRFMNES.memory_bytes(CRFMNESSpec(), d, n)  # noqa: E731
    assert of(1_000_000, 1024) < 2**29
    assert of(1_000_000, 4096) < 1.001 * of(1_000_000, 1024)


def test_a_rotated_cigar_is_solved_on_which_the_authors_implementation_ends_in_nan() -> None:
    initial = np.random.default_rng(1).uniform(-1, 1, 20).astype(np.float32)
    strategy = CRFMNES(CRFMNESSpec(sigma_init=0.5), Problem(12, 1, initial))
    lowest = np.inf
    for _ in range(1500):
        members = strategy.ask().rows(0, 12).astype(np.float64)
        along = members.sum(axis=1) ** 2 / 20
        losses = 1e4 * (np.square(members).sum(axis=1) - along) + along
        lowest = min(lowest, losses.min())
        strategy.tell(-losses)
    assert lowest < 1e-6

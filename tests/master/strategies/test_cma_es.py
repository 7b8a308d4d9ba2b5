"""CMA-ES against pycma itself, and its state against an uninterrupted run."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import cma
import numpy as np
import pytest
from cma.restricted_gaussian_sampler import GaussVkDSampler
from cma.sigma_adaptation import CMAAdaptSigmaCSA
from pydantic import ValidationError

from seedcast.services.master.strategies.base import Problem, State
from seedcast.services.master.strategies.cma_es import CMAES, CMAESSpec, Covariance
from seedcast.shared.frame import decode_frame, encode_frame
from seedcast.shared.seeding import noise

SEED, POPULATION = 3, 16
each_covariance = pytest.mark.parametrize("covariance", ["full", "diagonal", "vkd"])


def build(dimension: int = 8, population: int = POPULATION, **options: object) -> CMAES:
    initial = np.linspace(-1, 1, dimension).astype(np.float32)
    return CMAES(CMAESSpec.model_validate(options), Problem(population, SEED, initial))


def ellipsoid(members: np.ndarray, condition: float = 1e6) -> np.ndarray:
    """Return a badly conditioned, rotated quadratic whose maximum is 0 at 1."""
    away = members.astype(np.float64) - 1
    away = away + 0.3 * np.roll(away, 1, axis=1)
    return np.asarray(-(away**2 @ np.logspace(0, np.log10(condition), members.shape[1])))


def step(strategy: CMAES) -> np.ndarray:
    members = strategy.ask().rows(0, strategy.problem.population_size)
    strategy.tell(ellipsoid(members))
    return members


def restored(strategy: CMAES, state: State) -> CMAES:
    fresh = CMAES(strategy.hyperparameters, strategy.problem)
    fresh.restore(decode_frame(encode_frame("{}", state))[1])
    return fresh


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
@pytest.mark.parametrize(("dimension", "population"), [(3, 5), (8, 16), (8, 7), (40, 33), (150, 6)])
@pytest.mark.parametrize("landscape", ["rotated", "unlike"])
def test_150_generations_are_pycmas_to_rounding_given_the_same_draws(
    covariance: Covariance, dimension: int, population: int, landscape: str
) -> None:
    generation = 0

    def randn(members: int, dimension: int) -> np.ndarray:
        return np.stack([noise(SEED, generation, member, dimension) for member in range(members)]).astype(float)

    def fitness(members: np.ndarray) -> np.ndarray:
        if landscape == "rotated":
            return ellipsoid(members, condition=1e3)
        return np.asarray(-np.square(members) @ np.logspace(0, 14, dimension))  # until scales are moved out of C

    options: dict[str, Any] = {"popsize": population, "CMA_diagonal": covariance == "diagonal", "CMA_mirrors": 0}
    options |= {"AdaptSigma": CMAAdaptSigmaCSA, "randn": randn, "seed": np.nan, "verbose": -10}
    options |= {"conditioncov_alleviate": [1e8, np.inf]}
    strategy = build(dimension, population, covariance=covariance)
    own = cma.CMAEvolutionStrategy(strategy.mean.astype(np.float64), 0.1, options)
    for generation in range(150):
        members = strategy.ask().rows(0, population).astype(np.float64)
        asked, deviations = np.array(own.ask()), own.stds
        # Rounding may turn an eigenvector around: members are pycma's along each axis, but for the side.
        axes = own.sm.B if covariance == "full" else np.eye(dimension)
        along, theirs = (np.abs((points - own.mean) @ axes) for points in (members, asked))
        float32 = 1e-7 * np.sqrt(np.square(asked).sum(axis=1).max())
        assert np.allclose(along, theirs, rtol=1e-6, atol=float32 + 1e-6 * deviations.max()), generation
        values = fitness(members)
        assert len(set(values)) == population, "ties, which pycma breaks in another way"
        strategy.tell(values)
        own.tell(list(members), (-values).tolist(), check_points=False)
        ours = strategy.summary()
        if covariance == "full":
            assert np.allclose(strategy.state()["covariance"], own.sm.C, rtol=1e-7, atol=1e-7 * own.sm.C.max())
        assert np.allclose(strategy.state()["mean"], own.mean, rtol=1e-12, atol=1e-7 * deviations.max())
        assert ours["sigma"] == pytest.approx(own.sigma, rel=1e-7)
        assert ours["sigma_min"] == pytest.approx(own.stds.min(), rel=1e-7)
        assert ours["sigma_max"] == pytest.approx(own.stds.max(), rel=1e-7)


@pytest.mark.parametrize("dimension", [12, 40])
def test_a_vkd_run_is_pycmas_own_given_the_same_draws(dimension: int) -> None:
    keys: Iterator[tuple[int, int]] = iter(())

    def randn(dimension: int) -> np.ndarray:
        generation, draw = next(keys)
        return noise(SEED, generation, draw, dimension).astype(float)

    options = {"popsize": POPULATION, "seed": np.nan, "verbose": -10, "CMA_sampler_options": {"randn": randn}}
    strategy = build(dimension, covariance="vkd")
    start = strategy.mean.astype(np.float64)
    own = cma.CMAEvolutionStrategy(start, 0.1, GaussVkDSampler.extend_cma_options(options))
    vectors = set()
    for generation in range(400):
        keys = ((generation, draw) for draw in range(POPULATION))
        told = np.array(own.ask(), np.float32)
        assert np.array_equal(step(strategy), told)
        own.tell(list(told.astype(np.float64)), (-ellipsoid(told)).tolist(), check_points=False)
        vectors.add(own.sm.k)
    assert strategy.summary()["vectors"] == own.sm.k
    assert len(vectors) > 1  # how many there are was learnt
    assert np.array_equal(strategy.mean, own.mean.astype(np.float32))
    assert strategy.summary()["sigma"] == own.sigma * own.sm.sigma


@each_covariance
@pytest.mark.parametrize("dimension", [2, 8, 40, 320])
def test_a_run_restored_every_few_generations_equals_the_uninterrupted_one(
    covariance: str, dimension: int
) -> None:
    uninterrupted = build(dimension, covariance=covariance)
    interrupted = build(dimension, covariance=covariance)
    for generation in range(120 if dimension < 300 else 12):
        if generation % 5 == 2:
            interrupted = restored(interrupted, interrupted.state())
        assert step(uninterrupted).tobytes() == step(interrupted).tobytes()
    for name, value in uninterrupted.state().items():
        assert np.array_equal(value, interrupted.state()[name]), name


def test_the_eigendecomposition_is_lazy_and_its_schedule_survives_a_restart() -> None:
    uninterrupted = build(200, population=6)
    interrupted = build(200, population=6)
    decompositions = []
    for _ in range(120):
        step(uninterrupted)
        step(interrupted)
        interrupted = restored(interrupted, interrupted.state())
        decompositions.append(int(uninterrupted.state()["decomposed"]))
        assert decompositions[-1] == interrupted.state()["decomposed"].item()
    assert 2 < len(set(decompositions)) < 60
    assert np.array_equal(uninterrupted.mean, interrupted.mean)


def test_coordinates_of_very_different_scale_are_rescaled_alike_after_a_restart() -> None:
    # Beyond 1e8 the scale is moved out of the covariance, in ask().
    uninterrupted, interrupted = build(3), build(3)
    for _ in range(250):
        interrupted = restored(interrupted, interrupted.state())
        for strategy in (uninterrupted, interrupted):
            members = strategy.ask().rows(0, POPULATION)
            strategy.tell(-(np.square(members, dtype=np.float64) @ np.array([1.0, 1e6, 1e12])))
    assert not np.array_equal(uninterrupted.state()["scales"], np.ones(3))
    assert np.array_equal(uninterrupted.state()["scales"], interrupted.state()["scales"])
    assert np.array_equal(uninterrupted.mean, interrupted.mean)


def test_a_covariance_conditioned_worse_than_1e12_restarts_alike() -> None:
    uninterrupted, interrupted = build(4), build(4)
    for generation in range(400):
        if generation % 10 == 0:
            interrupted = restored(interrupted, interrupted.state())
        for strategy in (uninterrupted, interrupted):
            strategy.tell(ellipsoid(strategy.ask().rows(0, POPULATION), condition=1e14))
    lengths = uninterrupted.state()["lengths"]
    assert (lengths.max() / lengths.min()) ** 2 > 1e12
    assert np.array_equal(uninterrupted.mean, interrupted.mean)
    assert np.isfinite(uninterrupted.mean).all()


def test_every_draw_is_keyed_by_generation_and_member_in_every_dimension() -> None:
    strategy = build(400, population=8, covariance="diagonal")
    for generation in range(4):
        before = strategy.state()
        members = strategy.ask().rows(0, 8).astype(np.float64)
        strategy.tell(ellipsoid(members))
        deviation = before["sigma"] * before["scales"]
        draws = np.stack([noise(SEED, generation, member, 400) for member in range(8)])
        assert np.allclose((members - before["mean"]) / deviation, draws, atol=1e-4)


@each_covariance
def test_the_penalty_pulls_the_mean_towards_zero(covariance: str) -> None:
    # All members are equally fit: only the penalty tells them apart.
    strategy = build(covariance=covariance, l2_penalty=0.01)
    before = np.square(strategy.mean).sum()
    for _ in range(60):
        strategy.ask()
        strategy.tell(np.zeros(POPULATION))
    assert np.square(strategy.mean).sum() < before / 100


def test_the_penalty_is_the_mean_square_of_the_parameters() -> None:
    by_strategy, by_hand = build(l2_penalty=0.5), build()
    for _ in range(10):
        by_strategy.tell(ellipsoid(by_strategy.ask().rows(0, POPULATION)))
        members = by_hand.ask().rows(0, POPULATION)
        by_hand.tell(ellipsoid(members) - 0.5 * np.square(members.astype(np.float64)).mean(axis=1))
    assert np.array_equal(by_strategy.mean, by_hand.mean)


def test_training_goes_on_where_nothing_is_left_to_be_told_apart() -> None:
    strategy = build(2)
    for _ in range(400):
        step(strategy)
    means = [strategy.mean, step(strategy), strategy.mean]
    assert all(np.isfinite(mean).all() for mean in means)
    assert np.allclose(strategy.mean, 1, atol=1e-5)


def test_a_population_of_two_is_refused() -> None:
    assert CMAES.refuse_population_size(3) == "CMA-ES needs a population of at least 4"
    assert CMAES.refuse_population_size(4) is None


def test_the_full_state_holds_the_covariance_once() -> None:
    state = build(50).state()
    assert sum(value.size == 50 * 50 for value in state.values()) == 2  # C and its eigenvectors


def test_a_vkd_run_restored_while_its_vectors_come_and_go_equals_the_uninterrupted_one() -> None:
    uninterrupted, interrupted = build(12, covariance="vkd"), build(12, covariance="vkd")
    vectors = []
    for generation in range(500):
        if generation % 7 == 3:
            interrupted = restored(interrupted, interrupted.state())
        assert step(uninterrupted).tobytes() == step(interrupted).tobytes()
        vectors.append(uninterrupted.summary()["vectors"])
    changes = np.diff(vectors)
    assert (changes > 0).any()
    assert (changes < 0).any()


def test_vkd_never_learns_more_vectors_than_it_may() -> None:
    most = []
    for limit in (None, 0):
        strategy = build(12, covariance="vkd", max_vectors=limit)
        most.append(max(strategy.summary()["vectors"] for _ in range(400) if step(strategy).any()))
    assert most[0] > 0
    assert most[1] == 0


def test_vkd_stays_finite_where_float32_can_no_longer_tell_members_apart() -> None:
    initial = np.full(12, 1000.0, np.float32)
    strategy = CMAES(CMAESSpec(covariance="vkd", sigma_init=1e-8), Problem(POPULATION, SEED, initial))
    for _ in range(20):
        strategy.tell(ellipsoid(strategy.ask().rows(0, POPULATION)))
    assert all(np.isfinite(value).all() for value in strategy.state().values())


def test_vkd_recentred_injects_no_step_that_led_elsewhere() -> None:
    strategy = build(12, covariance="vkd")
    for _ in range(5):
        step(strategy)
    members = strategy.ask().rows(0, POPULATION)
    assert np.allclose(members[0] + members[1], 2 * strategy.mean, atol=1e-6)
    strategy.tell(ellipsoid(members))
    strategy.recentre(np.full(12, 0.5, np.float32))
    members = strategy.ask().rows(0, POPULATION)
    assert np.array_equal(strategy.mean, np.full(12, 0.5))
    assert np.isfinite(members).all()
    assert not np.allclose(members[0] + members[1], 2 * strategy.mean, atol=1e-3)


def test_vectors_of_another_covariance_than_vkd_are_refused() -> None:
    with pytest.raises(ValidationError, match="max_vectors is an option of vkd, not of the full covariance"):
        CMAESSpec(max_vectors=3)


def test_vkd_takes_memory_that_grows_with_the_dimension_and_not_with_its_square() -> None:
    vkd = CMAESSpec(covariance="vkd")
    small, large = (CMAES.memory_bytes(vkd, dimension, 16) for dimension in (10_000, 100_000))
    assert large == 10 * small
    assert large < CMAES.memory_limit < CMAES.memory_bytes(CMAESSpec(), 100_000, 16)


@pytest.mark.parametrize("covariance", ["full", "diagonal", "vkd"])
@pytest.mark.parametrize("optimum", [0.0, 1.0, 100.0])
def test_a_search_that_has_converged_to_the_last_bit_stays_there(covariance: Covariance, optimum: float) -> None:
    problem = Problem(16, 1, np.zeros(6, np.float32))
    strategy = CMAES(CMAESSpec(covariance=covariance), problem)
    scales = 10.0 ** np.arange(6)
    for _ in range(1200):
        members = strategy.ask().rows(0, 16).astype(np.float64)
        strategy.tell(-(scales * np.square(members - optimum)).sum(axis=1))
    assert np.isfinite(strategy.ask().rows(0, 16)).all()
    np.testing.assert_allclose(strategy.mean, optimum, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_two_tied_members_move_the_mean_as_the_average_of_both_orders(covariance: Covariance) -> None:
    fitness = np.arange(POPULATION, dtype=np.float64)
    means = []
    for change in ({11: 10.5}, {11: 10.0}, {11: 9.5}):  # over member 10, tied with it, below it
        strategy = build(covariance=covariance)
        strategy.ask()
        told = fitness.copy()
        told[list(change)] = list(change.values())
        strategy.tell(told)
        means.append(strategy.state()["mean"])
    assert np.allclose(means[1], (means[0] + means[2]) / 2, rtol=1e-12)
    assert not np.allclose(means[0], means[2], rtol=1e-6)


def test_the_covariance_is_what_its_last_decomposition_multiplies_to() -> None:
    strategy = build(20, population=10)
    for _ in range(60):
        step(strategy)
    strategy.ask()
    strategy.tell(np.zeros(10))  # nothing to learn: the decomposition made to ask is still up to date
    state = strategy.state()
    assert state["decomposed"] == state["updates"]
    product = (state["axes"] * state["lengths"] ** 2) @ state["axes"].T
    assert np.allclose(product, state["covariance"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("covariance", "dimension"), [("diagonal", 20_000), ("full", 400), ("vkd", 2_000)])
def test_a_generation_takes_no_more_memory_than_stated(covariance: Covariance, dimension: int) -> None:
    spec, members = CMAESSpec(covariance=covariance), 256
    fitness = np.random.default_rng(0).normal(size=(3, members))
    build(2, covariance=covariance).ask()  # imports are not counted
    tracemalloc.start()
    strategy = CMAES(spec, Problem(members, SEED, np.zeros(dimension, np.float32)))
    for told in fitness:
        strategy.ask()
        strategy.tell(told)
    strategy.state()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    stated = CMAES.memory_bytes(spec, dimension, members)
    assert stated / 3 < peak < stated

"""A population that is never held has the bits of the one that is."""

from __future__ import annotations

import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seedcast.services.master.strategies import sampling
from seedcast.services.master.strategies.base import Problem, Strategy
from seedcast.services.master.strategies.sampling import GaussianPopulation, sampling_bytes
from seedcast.shared.perturbations import GaussianMembers
from seedcast.shared.seeding import noise
from seedcast.shared.spec.strategies import STRATEGIES

SEED, GENERATION = 5, 11


def population(dimension: int, size: int, *, mirrored: bool = True, scalar: bool = False) -> GaussianPopulation:
    values = np.random.default_rng(0)
    mean = values.standard_normal(dimension, dtype=np.float32)
    sigma = values.random(1 if scalar else dimension, dtype=np.float32)
    return GaussianPopulation(
        mean, sigma, seed=SEED, generation=GENERATION, population_size=size, mirrored=mirrored
    )


def all_noise(one: GaussianPopulation) -> NDArray[np.float32]:
    return np.stack([noise(SEED, GENERATION, draw, len(one.mean)) for draw in range(one.draws)])


def dense(one: GaussianPopulation, *, mirrored: bool) -> NDArray[np.float32]:
    """Return the whole population, by its definition."""
    signs = [np.float32(1), np.float32(-1)] if mirrored else [np.float32(1)]
    return np.stack([one.mean + sign * (one.sigma * z) for z in all_noise(one) for sign in signs])


@pytest.fixture(params=["kept", "drawn again", "drawn again, in threads"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise as it is had in small and in large populations."""
    if request.param != "kept":
        monkeypatch.setattr(sampling, "KEPT_BYTES", 0)
        monkeypatch.setattr(sampling, "CHUNK_BYTES", 3 * 4 * 37)
        monkeypatch.setattr(sampling, "_BLOCK", 16)
    if request.param.endswith("threads"):
        monkeypatch.setattr(sampling, "_THREADED", 0)
        monkeypatch.setattr(sampling, "usable_cpus", lambda: 3)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("scalar", [True, False])
def test_any_range_of_members_has_the_bits_of_the_dense_population(*, mirrored: bool, scalar: bool) -> None:
    one = population(37, 10, mirrored=mirrored, scalar=scalar)
    expected = dense(one, mirrored=mirrored)
    assert len(one) == len(expected) == 10
    for start in range(10):
        for stop in range(start, 11):
            assert np.array_equal(one.rows(start, stop), expected[start:stop])
            if stop > start:
                assert np.array_equal(np.asarray(one.members(start, stop)), expected[start:stop])
    assert np.array_equal(one.rows(8, 16), expected[8:])  # as a slice has it


@pytest.mark.usefixtures("way")
def test_the_weighted_sums_add_the_draws_in_their_order() -> None:
    one = population(37, 20)
    linear, quadratic = np.random.default_rng(1).normal(size=(2, one.draws))
    first, second = np.zeros(37), np.zeros(37)
    for z, a, b in zip(all_noise(one).astype(np.float64), linear, quadratic, strict=True):
        first += a * z
        second += b * z * z
    sums = one.weighted_sums(linear, quadratic)
    assert np.array_equal(sums[0], first)
    assert np.array_equal(sums[1], second - quadratic.sum())
    alone, nothing = one.weighted_sums(linear)
    assert np.array_equal(alone, first)
    assert nothing is None


def test_the_weighted_sums_are_those_of_z_and_of_z_squared_less_1() -> None:
    one = population(5, 8)
    linear, quadratic = np.random.default_rng(0).normal(size=(2, 4))
    first, second = one.weighted_sums(linear, quadratic)
    exact = all_noise(one).astype(np.float64)
    assert np.allclose(first, linear @ exact)
    assert np.allclose(second, quadratic @ (exact**2 - 1))


def test_threads_that_ask_for_rows_at_once_get_the_same_bits() -> None:
    one = population(100, 64)
    expected = dense(one, mirrored=True)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda start: one.rows(start, start + 4), range(0, 64, 4)))
    assert np.array_equal(np.concatenate(rows), expected)


@given(st.integers(1, 50), st.booleans(), st.integers(1, 20))
def test_members_are_written_out_only_where_that_spares_a_quarter(
    dimension: int, scalar: bool, count: int
) -> None:
    members = population(dimension, 20, scalar=scalar).members(0, count)
    rows = 4 * dimension * count
    described = 4 * dimension + 4 * (1 if scalar else dimension) + 4 * count
    if isinstance(members, GaussianMembers):
        assert members.mean.nbytes + members.sigma.nbytes + members.numbers.nbytes == described
        assert rows > 0.75 * described
    else:
        assert members.nbytes == rows <= 0.75 * described


def test_a_sigma_that_is_the_same_everywhere_is_sent_as_one_number() -> None:
    sigma = np.full(50, 0.1, np.float32)
    one = GaussianPopulation(
        np.zeros(50, np.float32), sigma, seed=0, generation=0, population_size=8, mirrored=True
    )
    members = one.members(0, 8)
    assert isinstance(members, GaussianMembers)
    assert members.sigma.shape == (1,)
    assert np.array_equal(np.asarray(members), one.rows(0, 8))


@given(st.integers(1, 10**8), st.integers(1, 10**5))
def test_the_stated_memory_does_not_fall_as_either_number_grows(dimension: int, draws: int) -> None:
    stated = sampling_bytes(dimension, draws)
    assert stated <= min(sampling_bytes(dimension + 1, draws), sampling_bytes(dimension, draws + 1))
    assert stated <= 4 * dimension * draws


@pytest.mark.parametrize("name", ["ars", "openai_es", "pepg", "pgpe", "snes"])
def test_a_generation_takes_no_more_memory_than_stated_and_far_less_than_the_population(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dimension, members = 20_000, 1024
    monkeypatch.setattr(sampling, "KEPT_BYTES", 2**20)
    monkeypatch.setattr(sampling, "CHUNK_BYTES", 2**18)
    strategy_class = cast("type[Strategy]", STRATEGIES[name])
    spec = strategy_class.Spec(name=name)
    stated = strategy_class.memory_bytes(spec, dimension, members)
    assert stated < 4 * dimension * members / 10
    fitness = np.random.default_rng(0).normal(size=members)
    tracemalloc.start()
    strategy = strategy_class(spec, Problem(members, 1, np.zeros(dimension, np.float32)))
    for _ in range(2):
        one = strategy.ask()
        for start in range(0, members, 32):
            one.members(start, start + 32)
        strategy.tell(fitness)
    strategy.state()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stated / 4 < peak < stated


def test_noise_that_is_too_large_to_be_kept_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "KEPT_BYTES", 4 * 10 * 100 - 1)
    one = population(100, 20)
    one.noise(0, 10)
    assert sum(sys.getsizeof(value) for value in vars(one).values() if isinstance(value, np.ndarray)) < 4 * 1000


def test_a_unit_of_one_member_does_not_have_the_whole_population_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = GaussianPopulation._draw

    def noted(self: GaussianPopulation, start: int, stop: int) -> NDArray[np.float32]:
        drawn.append(stop - start)
        return draw(self, start, stop)

    monkeypatch.setattr(GaussianPopulation, "_draw", noted)
    one = population(37, 64)
    np.testing.assert_array_equal(one.members(5, 6), dense(one, mirrored=True)[5:6])
    assert drawn == [1]
    one.weighted_sums(np.ones(32))
    one.weighted_sums(np.ones(32))
    assert drawn == [1, 32], "the rest is drawn once, when all of it is needed"

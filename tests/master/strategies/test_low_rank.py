"""Sampling of low rank: its sums are those of the perturbations written out, and its update is unbiased."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seedcast.services.master.strategies import sampling
from seedcast.services.master.strategies.ars import ARS, ARSSpec
from seedcast.services.master.strategies.base import Problem, Strategy
from seedcast.services.master.strategies.fitness_shaping import raw
from seedcast.services.master.strategies.low_rank import (
    AUTO_PARAMETERS,
    LowRankPopulation,
    PerturbationsSpec,
    low_rank_bytes,
)
from seedcast.services.master.strategies.openai_es import OpenAIES, OpenAIESSpec
from seedcast.services.master.strategies.pairs import pair_direction, weigh_pairs
from seedcast.services.master.strategies.sampling import GaussianPopulation
from seedcast.shared.low_rank import LowRank, Matrix
from seedcast.shared.perturbations import GaussianMembers
from seedcast.shared.spec.strategies import STRATEGIES

MATRICES = (Matrix(offset=1, rows=5, columns=7), Matrix(offset=38, rows=6, columns=4))
DIMENSION = 65


def population(size: int, *, rank: int = 1, mirrored: bool = True, generation: int = 2) -> LowRankPopulation:
    return LowRankPopulation(
        LowRank(rank=rank, matrices=MATRICES),
        np.linspace(-1, 1, DIMENSION, dtype=np.float32),
        np.array([0.5], np.float32),
        seed=1,
        generation=generation,
        population_size=size,
        mirrored=mirrored,
    )


@pytest.fixture(params=["kept", "drawn again", "drawn again, in threads"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Draws as they are had in small and in large populations."""
    if request.param != "kept":
        monkeypatch.setattr(sampling, "KEPT_BYTES", 0)
        monkeypatch.setattr(sampling, "CHUNK_BYTES", 3 * 4 * DIMENSION)
    if request.param.endswith("threads"):
        monkeypatch.setattr(sampling, "_THREADED", 0)
        monkeypatch.setattr(sampling, "usable_cpus", lambda: 3)
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("rank", [1, 2])
def test_the_members_sent_are_the_rows_the_strategy_credits(*, mirrored: bool, rank: int) -> None:
    one = population(10, mirrored=mirrored, rank=rank)
    for start, stop in [(0, 1), (3, 4), (2, 7), (0, 10)]:
        members = one.members(start, stop)
        assert isinstance(members, GaussianMembers)  # however few: a unit's size must not choose the rounding
        assert np.array_equal(np.asarray(members), one.rows(start, stop))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("rank", [1, 2])
def test_the_weighted_sums_are_those_of_the_perturbations_written_out(rank: int) -> None:
    one = population(40, rank=rank)
    linear, quadratic = np.random.default_rng(0).normal(size=(2, one.draws))
    z = one.noise(0, one.draws).astype(np.float64)
    alone, nothing = one.weighted_sums(linear)
    assert nothing is None
    np.testing.assert_allclose(alone, linear @ z, rtol=1e-4, atol=1e-4)
    first, second = one.weighted_sums(linear, quadratic)
    np.testing.assert_allclose(first, linear @ z)
    np.testing.assert_allclose(second, quadratic @ (z**2 - 1))


def test_the_sums_have_the_same_bits_wherever_the_draws_lie_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    linear = np.random.default_rng(0).normal(size=50)
    expected = population(100).weighted_sums(linear)[0]
    for shift in range(1, 16):

        def shifted(self: LowRankPopulation, start: int, stop: int, by: int = shift) -> NDArray[np.float32]:
            drawn = self._draw(start, stop)
            room = np.empty(drawn.size + by, np.float32)
            room[by:] = drawn.ravel()
            return room[by:].reshape(drawn.shape)

        monkeypatch.setattr(LowRankPopulation, "_numbers", shifted)
        assert np.array_equal(population(100).weighted_sums(linear)[0], expected)


@pytest.mark.parametrize("rank", [1, 3])
def test_the_update_is_the_gradient_on_average(rank: int) -> None:
    slope = np.random.default_rng(3).standard_normal(DIMENSION)
    found = []
    for generation in range(40):
        one = population(400, rank=rank, generation=generation)
        fitness = (
            np.concatenate([one.rows(start, start + 50) for start in range(0, 400, 50)]).astype(float) @ slope
        )
        found.append(pair_direction(one, weigh_pairs(fitness, one.draws, raw)))
    # E[(f⁺ − f⁻)/2 · z] = σ · slope, since the z have unit covariance.
    error = np.mean(found, axis=0) - 0.5 * slope
    deviation = np.std(found, axis=0) / math.sqrt(len(found))
    assert np.abs(error / deviation).max() < 5
    assert deviation.max() < 0.15 * np.abs(0.5 * slope).max()


def test_equal_fitness_of_mirrored_members_moves_nothing() -> None:
    one = population(20)
    assert not pair_direction(one, weigh_pairs(np.repeat(np.arange(10.0), 2), 10, raw)).any()


def strategy(name: str, perturbations: dict[str, Any], dimension: int = DIMENSION, size: int = 20) -> Strategy:
    strategy_class = cast("type[Strategy]", STRATEGIES[name])
    spec = strategy_class.Spec.model_validate({"name": name, "perturbations": perturbations})
    return strategy_class(spec, Problem(size, 1, np.zeros(dimension, np.float32), MATRICES))


@pytest.mark.parametrize("name", ["ars", "openai_es"])
@pytest.mark.parametrize("rank", [1, 2])
def test_strategies_climb_and_go_on_after_a_restart_as_if_there_had_been_none(name: str, rank: int) -> None:
    perturbations = {"kind": "low_rank", "rank": rank}
    goal = np.random.default_rng(0).standard_normal(DIMENSION)

    def fitness(one: Strategy) -> NDArray[np.float64]:
        asked = one.ask()
        assert isinstance(asked, LowRankPopulation)
        return np.asarray(-np.square(asked.rows(0, len(asked)) - goal).sum(axis=1), np.float64)

    first = strategy(name, perturbations)
    for _ in range(100):
        first.tell(fitness(first))
    second = strategy(name, perturbations)
    second.restore({key: value.copy() for key, value in first.state().items()})
    before = np.square(goal).sum()
    assert np.square(first.mean - goal).sum() < 0.9 * before
    for _ in range(3):
        first.tell(fitness(first))
        second.tell(fitness(second))
    assert np.array_equal(first.mean, second.mean)


def test_noise_is_full_unless_asked_and_auto_goes_by_the_number_of_parameters() -> None:
    assert PerturbationsSpec().kind == "full"
    for kind, small, large in [("full", False, False), ("low_rank", True, True), ("auto", False, True)]:
        chosen = PerturbationsSpec.model_validate({"kind": kind})
        assert chosen.is_low_rank(AUTO_PARAMETERS - 1) is small
        assert chosen.is_low_rank(AUTO_PARAMETERS) is large
    for kind, expected in [
        ("full", GaussianPopulation),
        ("auto", GaussianPopulation),
        ("low_rank", LowRankPopulation),
    ]:
        assert type(strategy("ars", {"kind": kind}).ask()) is expected


@given(st.integers(1, 10**8), st.integers(1, 10**5))
def test_the_stated_memory_does_not_fall_as_either_number_grows(dimension: int, draws: int) -> None:
    stated = low_rank_bytes(dimension, draws)
    assert stated <= min(low_rank_bytes(dimension + 1, draws), low_rank_bytes(dimension, draws + 1))


def stated_and_peak(kind: type[ARS | OpenAIES], rank: int, side: int) -> tuple[int, int]:
    """Return the bytes that a strategy states, and those that two generations take, of square matrices alone."""
    dimension, members = 40_000, 256
    matrices = tuple(Matrix(offset=offset, rows=side, columns=side) for offset in range(0, dimension, side * side))
    spec = {ARS: ARSSpec, OpenAIES: OpenAIESSpec}[kind](
        l2_penalty=0.1, perturbations=PerturbationsSpec(kind="low_rank", rank=rank)
    )
    fitness = np.random.default_rng(0).normal(size=members)
    tracemalloc.start()
    one = kind(spec, Problem(members, 1, np.zeros(dimension, np.float32), matrices))
    for _ in range(2):
        asked = one.ask()
        for start in range(0, members, 32):
            asked.members(start, start + 32)
        one.tell(fitness)
    one.state()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return kind.memory_bytes(spec, dimension, members), peak


@pytest.fixture(params=[True, False], ids=["kept", "drawn again"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for all draws of a generation or for some, in proportion to a small problem."""
    monkeypatch.setattr(sampling, "KEPT_BYTES", 2**25 if request.param else 2**20)
    monkeypatch.setattr(sampling, "CHUNK_BYTES", 2**18)


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("kind", [ARS, OpenAIES])
@pytest.mark.parametrize(("rank", "side"), [(1, 20), (3, 20), (9, 20), (1, 200), (3, 200)])
def test_a_generation_takes_no_more_memory_than_stated(kind: type[ARS | OpenAIES], rank: int, side: int) -> None:
    stated, peak = stated_and_peak(kind, rank, side)
    assert peak < stated


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("kind", [ARS, OpenAIES])
def test_no_more_than_four_times_the_memory_is_stated_where_factors_are_almost_as_large_as_their_matrices(
    kind: type[ARS | OpenAIES],
) -> None:
    stated, peak = stated_and_peak(kind, rank=9, side=20)
    assert stated < 4 * peak

"""Perturbations of low rank are what the paper says, and cover every parameter once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from seedcast.shared.low_rank import LowRank, Matrix, layout
from seedcast.shared.perturbations import GaussianMembers, NoiseKey

MATRICES = (Matrix(offset=2, rows=5, columns=7), Matrix(offset=40, rows=6, columns=4))
DIMENSION = 66
"""Two of full noise, a matrix, three of full noise, a matrix, two of full noise."""


def key(rank: int, *, mirrored: bool = True) -> NoiseKey:
    return NoiseKey(seed=4, generation=9, mirrored=mirrored, low_rank=LowRank(rank=rank, matrices=MATRICES))


def by_definition(one: NoiseKey, draw: int) -> NDArray[np.float64]:
    """Return z ``(DIMENSION,)``: in the order of the parameters, full noise or A then B of each matrix."""
    assert one.low_rank is not None
    numbers = iter(one.numbers(draw, 1000).astype(np.float64))
    rank, z, at = one.low_rank.rank, np.full(DIMENSION, np.nan), 0
    for matrix in one.low_rank.matrices:
        while at < matrix.offset:
            z[at], at = next(numbers), at + 1
        a = np.array([next(numbers) for _ in range(matrix.rows * rank)]).reshape(matrix.rows, rank)
        b = np.array([next(numbers) for _ in range(rank * matrix.columns)]).reshape(rank, matrix.columns)
        z[at : matrix.end], at = (a @ b / math.sqrt(rank)).ravel(), matrix.end
    while at < DIMENSION:
        z[at], at = next(numbers), at + 1
    return z


@pytest.mark.parametrize("rank", [1, 2])
def test_a_perturbation_is_the_product_of_the_thin_factors_and_full_noise_elsewhere(rank: int) -> None:
    for draw in (0, 3):
        z = key(rank).noise(draw, DIMENSION)
        np.testing.assert_allclose(z, by_definition(key(rank), draw), rtol=1e-5, atol=1e-6)
        out = np.empty(DIMENSION, np.float32)
        assert key(rank).noise(draw, DIMENSION, out) is out
        assert np.array_equal(out, z)


@pytest.mark.parametrize("rank", [1, 2])
def test_elements_have_mean_0_variance_1_and_no_correlation(rank: int) -> None:
    draws = 40_000
    laid = layout(LowRank(rank=rank, matrices=MATRICES), DIMENSION)
    numbers = np.random.default_rng(0).standard_normal((draws, laid.numbers), dtype=np.float32)
    z = laid.perturbation(numbers).astype(np.float64)
    assert np.abs(z.mean(axis=0)).max() < 5 / math.sqrt(draws)
    covariance = z.T @ z / draws
    # The variance of z² is at most 8 (a product of two normals: E z⁴ = 9), of z z' at most 3.
    assert np.abs(np.diag(covariance) - 1).max() < 5 * math.sqrt(8 / draws)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 5 * math.sqrt(3 / draws)


@pytest.mark.parametrize("rank", [1, 2])
def test_a_perturbed_matrix_has_the_rank_and_full_noise_has_it_all(rank: int) -> None:
    z = key(rank).noise(0, DIMENSION)
    for one in MATRICES:
        assert np.linalg.matrix_rank(z[one.offset : one.end].reshape(one.shape), tol=1e-4) == rank


def test_members_of_a_pair_are_opposite_and_their_mean_is_the_mean() -> None:
    mean = np.linspace(-1, 1, DIMENSION, dtype=np.float32)
    members = GaussianMembers(mean, np.array([0.5], np.float32), key(1), np.arange(6, dtype=np.int32))
    pairs = np.asarray(members).reshape(3, 2, DIMENSION)
    np.testing.assert_allclose(pairs.mean(axis=1), np.tile(mean, (3, 1)), atol=1e-6)
    assert np.abs(pairs[:, 0] - pairs[:, 1]).min(axis=0).max() > 0.1


@pytest.mark.parametrize("mirrored", [True, False])
def test_what_lanes_load_makes_up_the_member_they_act_as(*, mirrored: bool) -> None:
    mean = np.linspace(-1, 1, DIMENSION, dtype=np.float32)
    one = key(2, mirrored=mirrored)
    members = GaussianMembers(mean, np.array([0.5], np.float32), one, np.array([3, 2, 7, 0], np.int32))
    laid = members.layout
    order = [2, 0, 1, 3, 0]
    rows = members.around_the_mean(np.array(order))
    for row, loaded in zip(order, rows, strict=True):
        built = np.empty(DIMENSION, np.float32)
        for parameters, numbers in laid.rest:
            built[parameters] = loaded[numbers]
        for factors in laid.factors:
            a, b = factors.split(loaded[None])
            matrix = factors.matrix
            built[matrix.offset : matrix.end] = mean[matrix.offset : matrix.end] + (a[0] @ b[0]).ravel()
        np.testing.assert_allclose(built, members[row], rtol=1e-5, atol=1e-6)


@given(st.data())
def test_the_layout_has_every_parameter_and_every_draw_once(data: st.DataObject) -> None:
    rank, matrices, at = data.draw(st.integers(1, 3)), [], 0
    for _ in range(data.draw(st.integers(0, 4))):
        at += data.draw(st.integers(0, 3))
        matrices.append(Matrix(offset=at, rows=data.draw(st.integers(1, 9)), columns=data.draw(st.integers(1, 9))))
        at = matrices[-1].end
    dimension = at + data.draw(st.integers(0, 3))
    low_rank = LowRank.of(matrices, rank)
    assert low_rank.fault(dimension) is None
    laid = layout(low_rank, dimension)
    parameters, draws = np.zeros(dimension, int), np.zeros(laid.numbers, int)
    for one, other in laid.rest:
        parameters[one] += 1
        draws[other] += 1
    for factors in laid.factors:
        parameters[factors.matrix.offset : factors.matrix.end] += 1
        draws[factors.inputs] += 1
        draws[factors.outputs] += 1
    assert (parameters == 1).all()
    assert (draws == 1).all()
    assert laid.numbers <= dimension


def test_a_matrix_of_no_more_numbers_than_its_factors_gets_full_noise() -> None:
    matrices = (Matrix(offset=0, rows=4, columns=1), Matrix(offset=4, rows=4, columns=4))
    assert LowRank.of(matrices, 1).matrices == matrices[1:]
    assert LowRank.of(matrices, 2).matrices == ()


@pytest.mark.parametrize("rank", [0, 65, 1.0])
def test_a_rank_out_of_its_range_is_refused(rank: float) -> None:
    with pytest.raises(ValidationError, match="rank"):
        LowRank.model_validate({"rank": rank, "matrices": ()})


def test_members_of_full_noise_have_no_factors() -> None:
    members = GaussianMembers(
        np.zeros(3, np.float32),
        np.ones(1, np.float32),
        NoiseKey(seed=1, generation=1),
        np.arange(1, dtype=np.int32),
    )
    with pytest.raises(TypeError, match="no factors"):
        members.around_the_mean(np.array([0]))

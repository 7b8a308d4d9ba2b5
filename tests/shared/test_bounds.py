"""The transform that keeps solutions within their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from cma.transformations import BoxConstraintsLinQuadTransformation

from seedcast.shared.bounds import Box, Vector

BOXES = [([-1.0], [3.0]), ([1e3], [1e3 + 1e-2]), ([-np.inf], [2.0]), ([0.1], [np.inf]), ([-5.0, 0.0], [5.0, 1e-3])]


def box(lower: list[float], upper: list[float]) -> Box:
    return Box(np.array(lower), np.array(upper))


def points(of: Box, dimension: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    draws = np.random.default_rng(3).standard_normal((500, dimension)) * np.geomspace(1e-3, 1e4, 500)[:, None]
    middle = np.where(np.isfinite(of.lower), of.lower, of.upper)
    return (middle + draws).astype(np.float32)


@pytest.mark.parametrize(("lower", "upper"), BOXES)
def test_it_is_pycmas_transform_to_rounding(lower: list[float], upper: list[float]) -> None:
    one = box(lower, upper)
    theirs = BoxConstraintsLinQuadTransformation([list(pair) for pair in zip(lower, upper, strict=True)])
    given = points(one, len(lower))
    expected = np.array([theirs(row.astype(float)) for row in given])
    size = np.maximum(np.abs(given), 1.0)
    np.testing.assert_allclose(one.inside(given) / size, expected / size, atol=2e-7)


@pytest.mark.parametrize(("lower", "upper"), BOXES)
def test_no_point_lies_outside(lower: list[float], upper: list[float]) -> None:
    one = box(lower, upper)
    inside = one.inside(points(one, len(lower))).astype(np.float64)
    assert (inside >= one.lower).all()
    assert (inside <= one.upper).all()


def test_well_within_the_bounds_a_point_stays_as_it_is_to_the_bit() -> None:
    one = box([-1.0], [3.0])
    given = np.linspace(-0.9, 2.8, 1000, dtype=np.float32)[:, None]
    assert one.inside(given).tobytes() == given.tobytes()


@pytest.mark.parametrize(("lower", "upper"), BOXES)
def test_outside_is_what_inside_maps_back(lower: list[float], upper: list[float]) -> None:
    one = box(lower, upper)
    wanted: Vector = np.where(np.isfinite(one.lower), one.lower, one.upper - 1.0) + np.zeros(len(lower))
    for share in (0.0, 0.01, 0.5):
        width = np.where(np.isfinite(one.upper - one.lower), one.upper - one.lower, 1.0)
        point = wanted + share * width
        np.testing.assert_allclose(one.inside(one.outside(point)[None])[0], point, rtol=1e-6, atol=1e-6)


def test_a_point_is_mapped_to_the_same_bits_alone_and_in_any_company() -> None:
    one = box([-5.0, 0.0, -1.0], [5.0, 1e-3, 1.0])
    given = points(one, 3)
    alone = np.concatenate([one.inside(row[None]) for row in given])
    assert alone.tobytes() == one.inside(given).tobytes()

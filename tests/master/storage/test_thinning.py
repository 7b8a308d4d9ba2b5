"""Thinning a long history."""

from __future__ import annotations

import pytest

from services.master.storage.thinning import MOST_POINTS, thin


@pytest.mark.parametrize("count", [0, 1, 2, 1999, 2000, 2001, 4001, 30_000])
def test_thinning_keeps_both_ends_and_the_order_within_the_bound(count: int) -> None:
    kept = thin(range(count))
    assert len(kept) <= MOST_POINTS
    assert kept == sorted(set(kept))
    assert kept[:1] == list(range(count))[:1]
    assert kept[-1:] == list(range(count))[-1:]


def test_a_history_that_fits_is_not_thinned() -> None:
    assert thin(range(MOST_POINTS)) == list(range(MOST_POINTS))


def test_thinning_uses_at_least_half_of_the_points_it_may() -> None:
    assert all(len(thin(range(count), 50)) >= 25 for count in range(50, 500))


def test_a_growing_history_keeps_the_points_it_has_shown() -> None:
    shown = set(thin(range(150), 100)[:-1])
    assert shown <= set(thin(range(180), 100))


def test_thinning_to_less_than_both_ends_is_refused() -> None:
    with pytest.raises(ValueError, match="got 1"):
        thin(range(3), 1)

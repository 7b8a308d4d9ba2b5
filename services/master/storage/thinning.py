"""Fewer records of a long run, for whatever draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

MOST_POINTS = 2000
"""Per curve: more than a screen has columns to tell apart."""


def thin(items: Sequence[T], most: int = MOST_POINTS) -> list[T]:
    """Return at most ``most`` of the items: every 2ᵏ-th from the first on, and always the last.

    The stride is a power of two, so that a growing history keeps the points it has already shown and a live
    chart does not shimmer.

    Raises:
        ValueError: ``most`` leaves no room for both ends.
    """
    if most < 2:
        raise ValueError(f"thinning keeps both ends, so at least 2 points, got {most}")
    stride = 1
    while math.ceil((len(items) - 1) / stride) + 1 > most:
        stride *= 2
    kept = list(items[::stride])
    return kept if (len(items) - 1) % stride == 0 or not items else [*kept, items[-1]]

"""What a figure is drawn from: an experiment's records, thinned so that a long run stays light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.master.storage.history import GenerationRecord, TestRecord

T = TypeVar("T")

MOST_POINTS = 2000
"""Per trace: more than a screen has columns to tell apart."""


@dataclass(frozen=True)
class Records:
    """Generations and tests, oldest first, and the test return that counts as solved."""

    generations: Sequence[GenerationRecord]
    tests: Sequence[TestRecord] = ()
    target: float | None = None

    def thinned(self, most: int = MOST_POINTS) -> Records:
        """Return the same records with at most ``most`` generations and ``most`` tests."""
        return Records(thin(self.generations, most), thin(self.tests, most), self.target)


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
    while (len(items) - 1) // stride + 2 > most and len(items) > most:
        stride *= 2
    kept = list(items[::stride])
    return kept if (len(items) - 1) % stride == 0 or not items else [*kept, items[-1]]

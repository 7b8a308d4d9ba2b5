"""What a figure is drawn from: an experiment's records, thinned so that a long run stays light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.master.storage.history import GenerationRecord, TestRecord
from services.master.storage.thinning import MOST_POINTS, thin


@dataclass(frozen=True)
class Records:
    """Generations and tests, oldest first, and the test return that counts as solved."""

    generations: Sequence[GenerationRecord]
    tests: Sequence[TestRecord] = ()
    target: float | None = None

    def thinned(self, most: int = MOST_POINTS) -> Records:
        """Return the same records with at most ``most`` generations and ``most`` tests."""
        return Records(thin(self.generations, most), thin(self.tests, most), self.target)

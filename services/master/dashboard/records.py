"""What a figure is drawn from: an experiment's records, of a long run a spread, chosen when they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.master.storage.history import GenerationRecord, TestRecord


@dataclass(frozen=True)
class Records:
    """Generations and tests, oldest first, and the test return that counts as solved."""

    generations: Sequence[GenerationRecord]
    tests: Sequence[TestRecord] = ()
    target: float | None = None

"""The three x axes of every figure: generations, training time and environment steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from services.master.storage.history import GenerationRecord, TestRecord

Record = GenerationRecord | TestRecord

Floats = NDArray[np.float32]
"""Single precision: finer than any screen, and half the bytes for the page to fetch."""


class Axis(StrEnum):
    """What a figure's x axis counts."""

    ITERATION = "iteration"
    TIME = "time"
    ENVIRONMENT_STEPS = "env_steps"


@dataclass(frozen=True)
class Scale:
    """An x axis with its unit chosen: what one unit of it is, and what it is called."""

    axis: Axis
    title: str
    unit: float = 1.0
    tick_format: str | None = None

    def place(self, records: Sequence[Record]) -> Floats:
        """Return the records' x coordinates ``(records,)``."""
        return np.array([_count(record, self.axis) / self.unit for record in records], np.float32)


def scale(axis: Axis, records: Sequence[Record]) -> Scale:
    """Choose the axis' unit: time is in seconds, minutes or hours, as fits the last record."""
    if axis is Axis.ITERATION:
        return Scale(axis, "Generation", tick_format=",d")
    if axis is Axis.ENVIRONMENT_STEPS:
        return Scale(axis, "Environment steps")
    longest = max((record.elapsed_seconds for record in records), default=0.0)
    if longest < 180:
        return Scale(axis, "Training time (seconds)")
    if longest < 3 * 3600:
        return Scale(axis, "Training time (minutes)", 60.0)
    return Scale(axis, "Training time (hours)", 3600.0)


def _count(record: Record, axis: Axis) -> float:
    match axis:
        case Axis.ITERATION:
            return record.generation
        case Axis.TIME:
            return record.elapsed_seconds
        case Axis.ENVIRONMENT_STEPS:
            return record.environment_steps

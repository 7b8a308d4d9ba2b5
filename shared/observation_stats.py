"""Running statistics of observations, merged in a fixed order, and the normaliser they give.

Sums, not means, are kept: adding per-rollout sums in rollout order gives the same bits whatever the order in
which the rollouts came back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

MINIMUM_STD = 1e-2
"""An observation that hardly moves is not blown up by its tiny deviation."""

CLIP = 10.0
"""Normalised observations are clipped to ± this, in standard deviations."""


@dataclass(frozen=True)
class Normaliser:
    """Standardises observations: frozen within a generation, saved with every model."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    @classmethod
    def identity(cls, size: int) -> Self:
        """Return the normaliser that changes nothing (up to the clip)."""
        return cls(np.zeros(size, np.float32), np.ones(size, np.float32))

    def fault(self) -> str | None:
        """Say what keeps it from giving finite numbers, or nothing."""
        if not np.isfinite(self.mean).all():
            return "has a mean that is not finite"
        if not (np.isfinite(self.std).all() and (self.std > 0).all()):
            return "has a std that is not finite and above 0"
        return None

    def __call__(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardise ``(lanes, observation_size)``."""
        values = (observations - self.mean) / self.std
        return np.clip(values, -CLIP, CLIP, out=values)


@dataclass
class ObservationStatistics:
    """Count, sum and sum of squares ``(observation_size,)`` of every observation seen in training."""

    count: int
    sum: NDArray[np.float64]
    sum_of_squares: NDArray[np.float64]

    @classmethod
    def empty(cls, size: int) -> Self:
        """Return the statistics of nothing."""
        return cls(0, np.zeros(size), np.zeros(size))

    @classmethod
    def of_normaliser(cls, normaliser: Normaliser, count: int) -> Self:
        """Return statistics that give ``normaliser``, weighted as ``count`` observations."""
        mean, std = normaliser.mean.astype(np.float64), normaliser.std.astype(np.float64)
        return cls(count, mean * count, (std**2 + mean**2) * count)

    def copy(self) -> Self:
        """Return statistics of their own."""
        return replace(self, sum=self.sum.copy(), sum_of_squares=self.sum_of_squares.copy())

    def add(
        self, counts: NDArray[np.int32], sums: NDArray[np.float64], sums_of_squares: NDArray[np.float64]
    ) -> None:
        """Add per-rollout ``counts (rollouts,)`` and sums ``(rollouts, observation_size)``.

        The rows stand in rollout order, so the reduction is the same whatever order they arrived in.
        """
        self.count += int(counts.sum())
        self.sum += sums.sum(axis=0)
        self.sum_of_squares += sums_of_squares.sum(axis=0)

    def normaliser(self) -> Normaliser:
        """Return the normaliser these statistics give."""
        if self.count < 2:
            return Normaliser.identity(len(self.sum))
        mean = self.sum / self.count
        variance = np.maximum(self.sum_of_squares / self.count - mean**2, 0)
        std = np.maximum(np.sqrt(variance), MINIMUM_STD)
        return Normaliser(mean.astype(np.float32), std.astype(np.float32))

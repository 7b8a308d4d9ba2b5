"""What a unit's rollouts came to, by position in the unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.environments.base import LaneFailure
from seedcast.shared.protocol import Failure, UnitResult


class Tally:
    """Preallocated results, filled in whatever order the rollouts end."""

    def __init__(self, rollouts: int, observation_size: int | None) -> None:
        self.returns = np.full(rollouts, np.nan)
        self.fitness = np.full(rollouts, np.nan)
        self.lengths = np.zeros(rollouts, np.int32)
        self.sums: NDArray[np.float64] | None = None
        """``(rollouts, observation_size)``, where statistics are collected."""
        self.squares: NDArray[np.float64] | None = None
        if observation_size is not None:
            self.sums = np.zeros((rollouts, observation_size))
            self.squares = np.zeros((rollouts, observation_size))
        self._failures: dict[int, LaneFailure] = {}

    def fail(self, rollout: int, failure: LaneFailure) -> None:
        """Note that a rollout has no result."""
        self._failures[rollout] = failure

    def result(self, busy_seconds: float) -> UnitResult:
        """Return everything; rollouts that failed alike share one entry."""
        return UnitResult(
            self.returns, self.fitness, self.lengths, self.sums, self.squares, self._grouped(), busy_seconds
        )

    def _grouped(self) -> list[Failure]:
        groups: dict[LaneFailure, list[int]] = {}
        for rollout, failure in sorted(self._failures.items()):
            groups.setdefault(failure, []).append(rollout)
        return [
            Failure(kind=failure.kind, message=failure.message, rollouts=rollouts)
            for failure, rollouts in groups.items()
        ]

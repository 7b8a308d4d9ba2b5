"""The clock behind `elapsed_seconds`, `stop.wall_time_seconds` and every figure of throughput."""

from __future__ import annotations

import time
from collections.abc import Callable


class TrainingClock:
    """Counts wall time spent training: rollouts, ask and tell, tests and commits.

    Left out are the time in which no worker could be used and that in which the disk refused to write: ``lost``
    says how many seconds of both there have been. Time between two masters is not counted, nor what a new one
    takes to restore an experiment.
    """

    def __init__(self, lost: Callable[[], float], now: Callable[[], float] = time.perf_counter) -> None:
        self._lost = lost
        self._now = now
        self._lapped_at = self._reading()

    def lap(self) -> float:
        """Return the seconds of training since the last lap, or since the beginning."""
        reading = self._reading()
        passed, self._lapped_at = reading - self._lapped_at, reading
        return max(0.0, passed)

    def running(self) -> float:
        """Return the same, without a lap."""
        return max(0.0, self._reading() - self._lapped_at)

    def _reading(self) -> float:
        return self._now() - self._lost()

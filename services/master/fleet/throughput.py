"""How much something did lately: a moving average over the last seconds."""

from __future__ import annotations

import math
from collections import deque

WINDOW_SECONDS = 10
"""Long beside a unit, short beside a look at the dashboard."""


class Throughput:
    """Units and environment steps per second, over the last `WINDOW_SECONDS`. It reads no clock.

    Amounts are added up by second, so that it stays small however many come in.
    """

    def __init__(self) -> None:
        self._begun: float | None = None
        self._seconds: deque[tuple[int, int, int]] = deque()
        """By time: second, units, environment steps."""

    def add(self, now: float, units: int, environment_steps: int) -> None:
        """Count what was done by ``now``, in seconds of a clock that never goes back."""
        self._begun = now if self._begun is None else self._begun
        second = math.floor(now)
        if self._seconds and self._seconds[-1][0] == second:
            _, earlier_units, earlier_steps = self._seconds.pop()
            units, environment_steps = units + earlier_units, environment_steps + earlier_steps
        self._seconds.append((second, units, environment_steps))
        self._forget(second)

    def rates(self, now: float) -> tuple[float, float]:
        """Return (units, environment steps) per second."""
        second = math.floor(now)
        self._forget(second)
        if self._begun is None:
            return 0.0, 0.0
        since = max(self._begun, float(second - WINDOW_SECONDS))
        elapsed = max(1.0, now - since)  # what is younger than a second tells little
        units = sum(entry[1] for entry in self._seconds)
        steps = sum(entry[2] for entry in self._seconds)
        return units / elapsed, steps / elapsed

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] < second - WINDOW_SECONDS:
            self._seconds.popleft()

"""What a request costs the master's own time, measured: on that depends how large units must be for all slots.

It is the CPU time of the event loop's thread and of encoding, for each request. What else the loop does (the API,
commits) counts, too: a master that is busy with other things can make fewer requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable

REQUESTS = 256
"""A look at fewer tells nothing."""

WEIGHT = 0.5
"""Of the newest look."""


class RequestCost:
    """Counts requests and CPU time. ``clock`` is the calling thread's CPU time, seconds."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._since = clock()
        self._requests = 0
        self._elsewhere = 0.0
        self._seconds: float | None = None

    def count(self, encoding_seconds: float) -> None:
        """A request was made, whose encoding took so much CPU time in another thread."""
        self._requests += 1
        self._elsewhere += encoding_seconds

    def look(self) -> float | None:
        """Return what a request costs, seconds, where enough have been made since the last look. For the loop."""
        if self._requests < REQUESTS:
            return None
        now = self._clock()
        newest = (now - self._since + self._elsewhere) / self._requests
        self._seconds = newest if self._seconds is None else self._seconds + WEIGHT * (newest - self._seconds)
        self._since, self._requests, self._elsewhere = now, 0, 0.0
        return self._seconds

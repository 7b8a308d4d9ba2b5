"""For how long there has been nobody to do the work."""

from __future__ import annotations


class IdleClock:
    """Adds up the seconds in which it is idle. It reads no clock."""

    def __init__(self, now: float, *, idle: bool) -> None:
        self._seconds = 0.0
        self._since = now if idle else None

    def note(self, now: float, *, idle: bool) -> None:
        """From ``now`` on it is idle, or it is not."""
        self._seconds = self.seconds(now)
        self._since = now if idle else None

    def seconds(self, now: float) -> float:
        """Return how long it has been idle in all."""
        return self._seconds + (now - self._since if self._since is not None else 0.0)

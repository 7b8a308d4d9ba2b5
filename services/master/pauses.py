"""How the master waits before it tries again: longer each time, at least as long as asked to, and not silently."""

from __future__ import annotations

import asyncio
import logging
import time

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0

log = logging.getLogger(__name__)


class Pauses:
    """The pauses between attempts at one thing, each twice as long as the one before until an attempt succeeds.

    Each new reason is logged once, as a warning, and the end of the trouble as well.
    """

    def __init__(
        self,
        subject: str,
        first_seconds: float = FIRST_PAUSE_SECONDS,
        longest_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        """``subject`` begins the lines in the log: what is held up."""
        self._subject = subject
        self._first, self._longest = first_seconds, longest_seconds
        self._next = first_seconds
        self.reason: str | None = None
        """Why the last attempt failed; None once one has succeeded."""
        self.seconds = 0.0
        """Paused in all."""

    async def wait(self, reason: str, retry_after: float = 0.0) -> None:
        """Pause after a failed attempt, for ``retry_after`` seconds at least."""
        pause, self._next = max(self._next, retry_after), min(2 * self._next, self._longest)
        if reason != self.reason:
            log.warning("%s has to wait, for %g s at first: %s", self._subject, pause, reason)
        self.reason = reason
        begun = time.perf_counter()
        try:
            await asyncio.sleep(pause)
        finally:
            self.seconds += time.perf_counter() - begun

    def over(self) -> None:
        """Note that an attempt has succeeded: the next trouble begins with a short pause."""
        if self.reason is not None:
            log.info("%s goes on", self._subject)
        self.reason, self._next = None, self._first

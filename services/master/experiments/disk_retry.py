"""What an experiment does while the disk is full or fails: it waits, says why, and tries again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.errors import DamagedCheckpoint, StorageFailed

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class DiskRetry:
    """Does what a disk refuses again and again, and says by what an experiment is held up meanwhile."""

    def __init__(self, experiment_id: str) -> None:
        self._experiment_id = experiment_id
        self._pause = FIRST_PAUSE_SECONDS
        self.reason: str | None = None
        """Why it is blocked now, None if it is not."""
        self.blocked_seconds = 0.0
        """How long it has been held up in all."""

    async def until_done(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do ``work``, again and again until the disk lets it through. What fails midway begins anew."""
        while True:
            try:
                result = await work()
            except (StorageFailed, DamagedCheckpoint) as error:
                await self._wait(error)
            else:
                self.lift()
                return result

    def lift(self) -> None:
        """Note that the disk does its work."""
        if self.reason is not None:
            log.info("experiment %s goes on", self._experiment_id)
        self.reason, self._pause = None, FIRST_PAUSE_SECONDS

    async def _wait(self, error: Exception) -> None:
        self.reason = f"storage: {error}"
        log.warning("experiment %s is blocked for %g s, %s", self._experiment_id, self._pause, self.reason)
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        begun = time.perf_counter()
        try:
            await asyncio.sleep(pause)
        finally:
            self.blocked_seconds += time.perf_counter() - begun

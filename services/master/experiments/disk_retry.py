"""What an experiment does while the disk is full or fails: it waits, says why, and tries again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from seedcast.services.master.pauses import Pauses
from seedcast.shared.errors import DamagedCheckpoint, StorageFailed

FIRST_PAUSE_SECONDS = 0.5

T = TypeVar("T")


class DiskRetry:
    """Does what a disk refuses again and again, and says by what an experiment is held up meanwhile."""

    def __init__(self, experiment_id: str) -> None:
        self._pauses = Pauses(f"experiment {experiment_id}", FIRST_PAUSE_SECONDS)

    @property
    def reason(self) -> str | None:
        """Why it is blocked now, None if it is not."""
        return self._pauses.reason

    @property
    def blocked_seconds(self) -> float:
        """How long it has been held up in all."""
        return self._pauses.seconds

    async def until_done(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do ``work``, again and again until the disk lets it through. What fails midway begins anew."""
        while True:
            try:
                result = await work()
            except (StorageFailed, DamagedCheckpoint) as error:
                await self._pauses.wait(f"storage: {error}")
            else:
                self.lift()
                return result

    def lift(self) -> None:
        """Note that the disk does its work."""
        self._pauses.over()

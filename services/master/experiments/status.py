"""The states of an experiment and what may follow what."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where an experiment stands. Those up to *blocked* are *active*: a restarted master goes on with them."""

    PENDING = "pending"
    """Accepted, not started yet."""
    WAITING = "waiting for workers"
    """No worker answers; it goes on by itself when one does."""
    RUNNING = "running"
    BLOCKED = "blocked"
    """The disk is full or fails; the reason says how, and it goes on by itself once that is put right. It is seen
    but not stored: there may be no room to store it."""
    PAUSED = "paused"
    """Paused on request, after a committed generation; it stays so until it is resumed, whatever restarts."""
    COMPLETED = "completed"
    """A stop condition was met; the reason says which."""
    STOPPED = "stopped"
    """Stopped on request, after a committed generation."""
    FAILED = "failed"
    """It cannot go on; the reason says why. It may be resumed once that is put right."""
    DELETED = "deleted"
    """It is being removed. No answer shows it."""

    @property
    def active(self) -> bool:
        """Whether there is still work to do."""
        return self in ACTIVE


ACTIVE = frozenset({Status.PENDING, Status.WAITING, Status.RUNNING, Status.BLOCKED})

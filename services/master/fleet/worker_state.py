"""Where a worker stands, and all the ways from one state to another."""

from __future__ import annotations

from enum import Enum, StrEnum, auto


class WorkerState(StrEnum):
    """Where a worker stands."""

    STARTING = "starting"
    """Discovered, or back again; it has not been ready yet."""
    READY = "ready"
    DRAINING = "draining"
    """It answers and takes nothing new, or it is no longer discovered and finishes what it has."""
    GONE = "gone"
    """It left after it had been draining, or after it was no longer discovered."""
    LOST = "lost"
    """It stopped answering and had given no sign of leaving."""
    REFUSED = "refused"
    """It speaks another protocol version."""


class Seen(Enum):
    """What was seen of a worker."""

    READY = auto()
    UNREADY = auto()
    """It answers, and takes no units; or it is no longer discovered."""
    SILENT = auto()
    """It does not answer."""
    STRANGE = auto()
    """It speaks another protocol version."""


_S = WorkerState

NEXT: dict[WorkerState, dict[Seen, WorkerState]] = {
    _S.STARTING: {Seen.READY: _S.READY, Seen.UNREADY: _S.STARTING, Seen.SILENT: _S.STARTING},
    _S.READY: {Seen.READY: _S.READY, Seen.UNREADY: _S.DRAINING, Seen.SILENT: _S.LOST},
    _S.DRAINING: {Seen.READY: _S.READY, Seen.UNREADY: _S.DRAINING, Seen.SILENT: _S.GONE},
    _S.GONE: {Seen.READY: _S.READY, Seen.UNREADY: _S.STARTING, Seen.SILENT: _S.GONE},
    _S.LOST: {Seen.READY: _S.READY, Seen.UNREADY: _S.STARTING, Seen.SILENT: _S.LOST},
    _S.REFUSED: {Seen.READY: _S.READY, Seen.UNREADY: _S.STARTING, Seen.SILENT: _S.LOST},
}
"""State → what is seen → next state. A worker of another protocol version is refused from any state."""


def next_state(state: WorkerState, seen: Seen) -> WorkerState:
    """Return the state of a worker of which something new was seen; it may be the same."""
    return WorkerState.REFUSED if seen is Seen.STRANGE else NEXT[state][seen]

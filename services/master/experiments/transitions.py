"""The life of an experiment as a table: what may happen in which state, and what is done then; it never waits.

Requests (stop, pause, resume, delete, shutdown) count in the states in which an experiment has settled; in all
others something is under way, and `lifecycle.Lifecycle` has them wait for its end. So there is one runner at most,
one end, and no request is lost or overtakes another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto

from seedcast.services.master.experiments.status import Status


class State(StrEnum):
    """Where an experiment is."""

    RUNNING = auto()
    """There is a runner; it trains, or waits for workers or for the disk."""
    HALTING_TO_STOP = auto()
    """The runner has been told to let go, and finishes the write that it is in."""
    HALTING_TO_PAUSE = auto()
    HALTING_TO_DELETE = auto()
    HALTING_TO_CLOSE = auto()
    STORING_STOP = auto()
    """There is no runner; the state named is being written to the database."""
    STORING_PAUSE = auto()
    STORING_COMPLETION = auto()
    STORING_FAILURE = auto()
    STORING_RESUMPTION = auto()
    STORING_STOP_AT_REST = auto()
    STORING_DELETION = auto()
    STORING_DELETION_AT_REST = auto()
    COMPLETION_BLOCKED = auto()
    """It has completed, and the disk has refused to write that; it is tried again."""
    FAILURE_BLOCKED = auto()
    PAUSED = auto()
    STOPPED = auto()
    COMPLETED = auto()
    FAILED = auto()
    DELETED = auto()
    CLOSED = auto()
    """The master ends. What the database says of the experiment stays, for the next one to go on from."""

    @property
    def settled(self) -> bool:
        """Whether nothing is under way: the next request decides what happens."""
        return self in SETTLED


class Event(StrEnum):
    """What may happen to an experiment."""

    STOP = auto()
    PAUSE = auto()
    RESUME = auto()
    CONTINUE = auto()
    """Resume a completed one, as its stop conditions have been raised."""
    DELETE = auto()
    FORCE_DELETE = auto()
    SHUTDOWN = auto()
    RUNNER_LET_GO = auto()
    RUNNER_COMPLETED = auto()
    RUNNER_FAILED = auto()
    STORED = auto()
    DISK_REFUSED = auto()
    RETRY = auto()


class Do(StrEnum):
    """What is done on the way into a state; how it ends is another event."""

    START_RUNNER = auto()
    """Ends with one of RUNNER_LET_GO, RUNNER_COMPLETED, RUNNER_FAILED."""
    CANCEL_RUNNER = auto()
    STORE = auto()
    """Write what `STORES` says. Ends with STORED or DISK_REFUSED."""
    WAIT = auto()
    """Ends with RETRY, after a pause."""


S, E, D = State, Event, Do
BACK = None
"""Instead of a state: the settled one that the experiment was in before."""

TABLE: dict[State, dict[Event, tuple[State | None, Do | None]]] = {
    S.RUNNING: {
        E.STOP: (S.HALTING_TO_STOP, D.CANCEL_RUNNER),
        E.PAUSE: (S.HALTING_TO_PAUSE, D.CANCEL_RUNNER),
        E.FORCE_DELETE: (S.HALTING_TO_DELETE, D.CANCEL_RUNNER),
        E.SHUTDOWN: (S.HALTING_TO_CLOSE, D.CANCEL_RUNNER),
        E.RUNNER_COMPLETED: (S.STORING_COMPLETION, D.STORE),
        E.RUNNER_FAILED: (S.STORING_FAILURE, D.STORE),
        E.RUNNER_LET_GO: (S.RUNNING, D.START_RUNNER),  # somebody else has cancelled it
    },
    # Whoever completes or fails before the cancellation reaches it has completed or failed.
    S.HALTING_TO_STOP: {
        E.RUNNER_LET_GO: (S.STORING_STOP, D.STORE),
        E.RUNNER_COMPLETED: (S.STORING_COMPLETION, D.STORE),
        E.RUNNER_FAILED: (S.STORING_FAILURE, D.STORE),
    },
    S.HALTING_TO_PAUSE: {
        E.RUNNER_LET_GO: (S.STORING_PAUSE, D.STORE),
        E.RUNNER_COMPLETED: (S.STORING_COMPLETION, D.STORE),
        E.RUNNER_FAILED: (S.STORING_FAILURE, D.STORE),
    },
    S.HALTING_TO_DELETE: {
        E.RUNNER_LET_GO: (S.STORING_DELETION, D.STORE),
        E.RUNNER_COMPLETED: (S.STORING_DELETION, D.STORE),
        E.RUNNER_FAILED: (S.STORING_DELETION, D.STORE),
    },
    S.HALTING_TO_CLOSE: {
        E.RUNNER_LET_GO: (S.CLOSED, None),
        E.RUNNER_COMPLETED: (S.STORING_COMPLETION, D.STORE),
        E.RUNNER_FAILED: (S.STORING_FAILURE, D.STORE),
    },
    # A request that the disk refuses has changed nothing: the experiment runs on, or rests as before.
    S.STORING_STOP: {E.STORED: (S.STOPPED, None), E.DISK_REFUSED: (S.RUNNING, D.START_RUNNER)},
    S.STORING_PAUSE: {E.STORED: (S.PAUSED, None), E.DISK_REFUSED: (S.RUNNING, D.START_RUNNER)},
    S.STORING_DELETION: {E.STORED: (S.DELETED, None), E.DISK_REFUSED: (S.RUNNING, D.START_RUNNER)},
    S.STORING_RESUMPTION: {E.STORED: (S.RUNNING, D.START_RUNNER), E.DISK_REFUSED: (BACK, None)},
    S.STORING_STOP_AT_REST: {E.STORED: (S.STOPPED, None), E.DISK_REFUSED: (BACK, None)},
    S.STORING_DELETION_AT_REST: {E.STORED: (S.DELETED, None), E.DISK_REFUSED: (BACK, None)},
    # An end of its own is stored as often as it takes; if the master ends first, the next one comes to it again.
    S.STORING_COMPLETION: {E.STORED: (S.COMPLETED, None), E.DISK_REFUSED: (S.COMPLETION_BLOCKED, D.WAIT)},
    S.STORING_FAILURE: {E.STORED: (S.FAILED, None), E.DISK_REFUSED: (S.FAILURE_BLOCKED, D.WAIT)},
    S.COMPLETION_BLOCKED: {E.RETRY: (S.STORING_COMPLETION, D.STORE), E.SHUTDOWN: (S.CLOSED, None)},
    S.FAILURE_BLOCKED: {E.RETRY: (S.STORING_FAILURE, D.STORE), E.SHUTDOWN: (S.CLOSED, None)},
    S.PAUSED: {
        E.RESUME: (S.STORING_RESUMPTION, D.STORE),
        E.STOP: (S.STORING_STOP_AT_REST, D.STORE),
        E.DELETE: (S.STORING_DELETION_AT_REST, D.STORE),
        E.FORCE_DELETE: (S.STORING_DELETION_AT_REST, D.STORE),
        E.SHUTDOWN: (S.CLOSED, None),
    },
    S.STOPPED: {
        E.RESUME: (S.STORING_RESUMPTION, D.STORE),
        E.DELETE: (S.STORING_DELETION_AT_REST, D.STORE),
        E.FORCE_DELETE: (S.STORING_DELETION_AT_REST, D.STORE),
        E.SHUTDOWN: (S.CLOSED, None),
    },
    S.FAILED: {
        E.RESUME: (S.STORING_RESUMPTION, D.STORE),
        E.DELETE: (S.STORING_DELETION_AT_REST, D.STORE),
        E.FORCE_DELETE: (S.STORING_DELETION_AT_REST, D.STORE),
        E.SHUTDOWN: (S.CLOSED, None),
    },
    S.COMPLETED: {
        E.CONTINUE: (S.STORING_RESUMPTION, D.STORE),
        E.DELETE: (S.STORING_DELETION_AT_REST, D.STORE),
        E.FORCE_DELETE: (S.STORING_DELETION_AT_REST, D.STORE),
        E.SHUTDOWN: (S.CLOSED, None),
    },
    S.DELETED: {},
    S.CLOSED: {E.RETRY: (S.CLOSED, None)},
}

STORES: dict[State, Status] = {
    S.STORING_STOP: Status.STOPPED,
    S.STORING_STOP_AT_REST: Status.STOPPED,
    S.STORING_PAUSE: Status.PAUSED,
    S.STORING_COMPLETION: Status.COMPLETED,
    S.STORING_FAILURE: Status.FAILED,
    S.STORING_RESUMPTION: Status.PENDING,
    S.STORING_DELETION: Status.DELETED,
    S.STORING_DELETION_AT_REST: Status.DELETED,
}
"""What is written to the database in a state."""

AT_REST = {
    Status.PAUSED: S.PAUSED,
    Status.STOPPED: S.STOPPED,
    Status.COMPLETED: S.COMPLETED,
    Status.FAILED: S.FAILED,
    Status.DELETED: S.DELETED,
}
"""The state of an experiment of which the database says so; of all others it is RUNNING."""

SETTLED = frozenset({*AT_REST.values(), S.RUNNING, S.COMPLETION_BLOCKED, S.FAILURE_BLOCKED, S.CLOSED})


@dataclass
class Transitions:
    """One experiment's place in the table."""

    state: State
    before: State
    """The last settled state."""

    @classmethod
    def begin(cls, stored: Status) -> Transitions:
        """Return the place of an experiment as the database has it; one that is active needs a runner at once."""
        state = AT_REST.get(stored, State.RUNNING)
        return cls(state, state)

    def takes(self, event: Event) -> bool:
        """Whether an event may happen now."""
        return event in TABLE[self.state]

    def handle(self, event: Event) -> Do | None:
        """Go on to the next state, and return what is to be done.

        Raises:
            LookupError: such an event cannot happen in this state.
        """
        if not self.takes(event):
            raise LookupError(f"{event} in the state {self.state}")
        state, do = TABLE[self.state][event]
        self.state = self.before if state is None else state
        if self.state.settled:
            self.before = self.state
        return do

"""The owner of one experiment's life: it takes requests, runs the one runner, and stores the one end.

`transitions` says what may happen; here it happens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from seedcast.services.master.experiments.status import Status
from seedcast.services.master.experiments.transitions import STORES, Do, Event, State, Transitions
from seedcast.services.master.pauses import Pauses
from seedcast.shared.errors import Conflict, NotFound, SeedcastError, StorageFailed
from seedcast.shared.logs import of_experiment

FIRST_PAUSE_SECONDS = 0.5

WISHED = {
    Event.STOP: State.STOPPED,
    Event.PAUSE: State.PAUSED,
    Event.RESUME: State.RUNNING,
    Event.CONTINUE: State.RUNNING,
    Event.DELETE: State.DELETED,
    Event.FORCE_DELETE: State.DELETED,
}
"""What a request asks for."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """How a run came to its end."""

    status: Status
    """COMPLETED or FAILED."""
    reason: str
    elapsed_seconds: float | None = None
    """Of training, up to the end; None: as of the last commit."""


REASONS = {
    Status.STOPPED: "stopped on request",
    Status.PAUSED: "paused on request",
    Status.PENDING: "",
    Status.DELETED: "deleted on request",
}


class Work(Protocol):
    """What a life consists of."""

    async def run(self, experiment_id: str) -> Ending:
        """Train to the end; once cancelled, let go as soon as nothing is half done."""

    async def store(self, experiment_id: str, ending: Ending) -> None:
        """Write a state to the database, in one transaction.

        Raises:
            StorageFailed: the disk does not take it.
        """

    def settled(self, experiment_id: str, state: State) -> None:
        """Note that an experiment has come to rest, or runs."""


class Lifecycle:
    """One experiment's life."""

    def __init__(self, experiment_id: str, stored: Status, work: Work) -> None:
        self.id = experiment_id
        self._place = Transitions.begin(stored)
        self._context = of_experiment(experiment_id)
        self._work = work
        self._requests = asyncio.Lock()
        self._settled = asyncio.Event()
        self._settled.set()
        self._runner: asyncio.Task[Ending] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcome: asyncio.Future[State] | None = None
        """Of the request under way: the state in which it settles."""
        self._ending: Ending | None = None
        self._refusal: StorageFailed | None = None
        self._pauses = Pauses(f"experiment {experiment_id}", FIRST_PAUSE_SECONDS)
        if self.state is State.RUNNING:
            self._do(Do.START_RUNNER)

    @property
    def state(self) -> State:
        """Where it is."""
        return self._place.state

    @property
    def refusal(self) -> str | None:
        """Why its end is not stored yet, if the disk refuses that."""
        blocked = self.state in (State.COMPLETION_BLOCKED, State.FAILURE_BLOCKED)
        return f"storage: {self._refusal}" if blocked else None

    async def request(self, wish: Event, prepare: Callable[[], Awaitable[None]] | None = None) -> None:
        """Have a wish come true, after those made before; ``prepare`` is done right before it, in its turn.

        Raises:
            Conflict: it cannot, as the experiment stands.
            NotFound: it is deleted.
            StorageFailed: the disk does not take it; nothing has changed.
        """
        async with self._requests:
            await self._settled.wait()
            if not self._place.takes(wish):
                raise self._refused(wish, self.state)
            if prepare is not None:
                await prepare()
                await self._settled.wait()
                if not self._place.takes(wish):  # it ended by itself meanwhile
                    raise self._refused(wish, self.state)
            self._refusal = None
            self._outcome = asyncio.get_running_loop().create_future()
            self._handle(wish)
            state = await self._outcome
            if state is not WISHED[wish]:
                raise self._refusal or self._refused(wish, state)

    async def exclusively(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something while no request is under way."""
        async with self._requests:
            await self._settled.wait()
            await work()

    async def close(self) -> None:
        """Let go of it: a request under way is finished, then the runner ends without an end."""
        while self.state not in (State.CLOSED, State.DELETED):
            await self._settled.wait()
            if self._place.takes(Event.SHUTDOWN):
                self._handle(Event.SHUTDOWN)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _handle(self, event: Event) -> None:
        before = self.state
        do = self._place.handle(event)
        if do is not None:
            self._do(do)
        if not self.state.settled:
            self._settled.clear()
            return
        self._settled.set()
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(self.state)
        if self.state is not before:
            self._work.settled(self.id, self.state)

    def _do(self, do: Do) -> None:
        match do:
            case Do.START_RUNNER:
                self._ending = None
                self._runner = asyncio.create_task(
                    self._work.run(self.id), name=self.id, context=self._context.copy()
                )
                self._runner.add_done_callback(self._runner_done, context=self._context.copy())
            case Do.CANCEL_RUNNER:
                if self._runner is not None:
                    self._runner.cancel()
            case Do.STORE:
                self._spawn(self._store(STORES[self.state]))
            case Do.WAIT:
                self._spawn(self._wait())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, context=self._context.copy())
        self._tasks.add(task)  # or nobody would hold it
        task.add_done_callback(self._tasks.discard)

    def _runner_done(self, runner: asyncio.Task[Ending]) -> None:
        self._runner = None
        if runner.cancelled():
            self._handle(Event.RUNNER_LET_GO)
            return
        if (error := runner.exception()) is None:
            self._ending = runner.result()
        elif isinstance(error, SeedcastError):
            self._ending = Ending(Status.FAILED, str(error))
        else:
            log.error("experiment %s failed", self.id, exc_info=error)
            self._ending = Ending(Status.FAILED, f"{type(error).__name__}: {error}")
        completed = self._ending.status is Status.COMPLETED
        self._handle(Event.RUNNER_COMPLETED if completed else Event.RUNNER_FAILED)

    async def _store(self, status: Status) -> None:
        ending = self._ending
        if ending is None or ending.status is not status:
            ending = Ending(status, REASONS[status])
        log.info("experiment %s: %s %s", self.id, ending.status, ending.reason)
        try:
            await self._work.store(self.id, ending)
        except Exception as error:
            self._refusal = error if isinstance(error, StorageFailed) else StorageFailed(str(error))
            self._handle(Event.DISK_REFUSED)
        else:
            self._pauses.over()
            self._handle(Event.STORED)

    async def _wait(self) -> None:
        await self._pauses.wait(f"its state is not stored: {self._refusal}")
        self._handle(Event.RETRY)

    def _refused(self, wish: Event, state: State) -> SeedcastError:
        if state is State.DELETED:
            return NotFound(f"there is no experiment {self.id!r}")
        return Conflict(f"experiment {self.id} cannot {SAID[wish]}: it {IS[state]}")


SAID = {
    Event.STOP: "be stopped",
    Event.PAUSE: "be paused",
    Event.RESUME: "be resumed",
    Event.CONTINUE: "be continued",
    Event.DELETE: "be deleted without force",
    Event.FORCE_DELETE: "be deleted",
}

IS = {
    State.RUNNING: "is running",
    State.PAUSED: "is paused",
    State.STOPPED: "has ended already: stopped",
    State.COMPLETED: "has ended already: completed",
    State.FAILED: "has ended already: failed",
    State.COMPLETION_BLOCKED: "has completed, and the disk does not take that yet",
    State.FAILURE_BLOCKED: "has failed, and the disk does not take that yet",
    State.CLOSED: "is left to the next master, as this one ends",
}

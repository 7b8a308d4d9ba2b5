"""A scheduler told by method calls, at a time that the caller sets; what it says comes back as one outcome."""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from seedcast.services.master.scheduling import events as ev
from seedcast.services.master.scheduling.instructions import Cancel, Fail, Finish, Instruction, Send, Settle
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.scheduler import Scheduler
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.protocol import Failure


@dataclass
class Outcome:
    """What the instructions for one event come to, but for what to send."""

    job: int | None = None
    counted: tuple[int, ...] = ()
    given_up: dict[int, Failure] = field(default_factory=dict)
    retried: int = 0
    cancel: tuple[int, ...] = ()
    hopeless: Failure | None = None
    complete: bool = False

    @property
    def stored(self) -> bool:
        return bool(self.counted or self.given_up or self.retried)


class Driver:
    """Keeps what is to be sent until it is asked for by `assign`."""

    def __init__(self, tuning: Tuning | None = None) -> None:
        self.scheduler = Scheduler(tuning)
        self.now = 0.0
        self._numbers = itertools.count()
        self._sends: list[Send] = []
        self._told_at = -1.0
        self.handled = 0
        """Events told,"""
        self.cpu_seconds = 0.0
        """and the CPU time that the scheduler took over them."""

    def tell(self, event: ev.Event) -> list[Outcome]:
        """Tell an event; return an outcome for each unit settled, and one for what else there is."""
        self._told_at = self.now
        outcomes: list[Outcome] = []
        begun = time.thread_time()
        instructions = self.scheduler.handle(event, self.now)
        self.cpu_seconds += time.thread_time() - begun
        self.handled += 1
        for instruction in instructions:
            self._note(instruction, outcomes)
        return outcomes

    def _note(self, instruction: Instruction, outcomes: list[Outcome]) -> None:
        match instruction:
            case Send():
                self._sends.append(instruction)
                return
            case Settle(job, counted, given_up, retried):
                outcomes.append(Outcome(job, counted, given_up, retried))
                return
        if not outcomes:
            outcomes.append(Outcome())
        match instruction:
            case Cancel(unit):
                outcomes[-1].cancel += (unit,)
            case Finish():
                outcomes[-1].complete = True
            case Fail(_, failure):
                outcomes[-1].hopeless = failure

    def tick(self, now: float) -> None:
        self.now = max(self.now, now)

    def assign(self) -> list[Send]:
        """Return what is to be sent since the last call."""
        if self._told_at < self.now:
            self.tell(ev.Tick())
        sends, self._sends = self._sends, []
        return sends

    def add_job(
        self,
        experiment: str,
        rollouts: int,
        *,
        background: bool = False,
        most_seconds: float = math.inf,
        most_rollouts: int = sys.maxsize,
        kind: str | None = None,
        share: float = 1.0,
    ) -> int:
        number = next(self._numbers)
        self.tell(
            ev.JobAdded(number, experiment, rollouts, background, most_seconds, most_rollouts, kind, share=share)
        )
        return number

    def remove_job(self, number: int) -> tuple[int, ...]:
        """Return the units that are to be cancelled."""
        outcomes = self.tell(ev.JobRemoved(number))
        self._sends = [send for send in self._sends if send.job != number]
        return outcomes[0].cancel if outcomes else ()

    def worker_up(self, name: str, slots: int, kind: str = "", queue: int | None = None) -> None:
        self.tell(ev.WorkerUp(name, slots, kind, queue))

    def worker_down(self, name: str, *, forget: bool = False) -> list[Outcome]:
        return self.tell(ev.WorkerDown(name, forget))

    def unit_done(self, unit: int, busy_seconds: float, failures: Sequence[Failure] = ()) -> Outcome:
        return self._one(ev.UnitDone(unit, busy_seconds, tuple(failures)))

    def unit_lost(self, unit: int) -> Outcome:
        return self._one(ev.UnitLost(unit))

    def unit_refused(self, unit: int, rest_seconds: float = 0.0) -> Outcome:
        return self._one(ev.UnitRefused(unit, rest_seconds))

    def _one(self, event: ev.Event) -> Outcome:
        return next(iter(self.tell(event)), Outcome())

    def done(self, number: int) -> int:
        return self.scheduler.settled(number)

    def finished(self, number: int) -> bool:
        return self.done(number) == self.scheduler._jobs[number].spec.rollouts

    def worker(self, name: str) -> PoolWorker | None:
        return self.scheduler.worker(name)

    @property
    def late_replies(self) -> int:
        return self.scheduler.late_replies

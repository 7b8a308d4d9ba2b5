"""The ledger decides what is sent where. It does no I/O, reads no clock, and never waits.

Events come in as method calls: a job added or removed, a worker up or down, a unit done, lost or refused, and the
time (`tick`). Outcomes say what an event changed and which units to cancel; `assign` says what to send now. Every
rollout of a job is in exactly one place (see `job`). Nothing a job results in depends on the ledger's choices:
they move work about, they do not change it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence, Set
from dataclasses import replace

from services.master.scheduling.capacity import Capacity
from services.master.scheduling.instructions import Flight, Limits, Outcome, Send
from services.master.scheduling.job import Job
from services.master.scheduling.pool import Pool
from services.master.scheduling.pool_worker import USUAL_QUEUE, PoolWorker
from services.master.scheduling.retries import hopeless, lose, strike
from services.master.scheduling.shares import Shares
from services.master.scheduling.sizing import is_slow, leaves_it, may_queue, unit_shape
from services.master.scheduling.speeds import Speeds
from services.master.scheduling.stragglers import Stragglers
from shared.protocol import Failure

DEATHS = ("timeout", "crash", "memory")
"""Failures that cost a slot."""

LOOK_SECONDS = 0.1
"""How often the ledger looks for stragglers."""

NORMALISE_SECONDS = 1.0
"""How often it looks what a typical worker is."""

MOST_ABSENT = 1_000
"""The shares and speeds of so many experiments without a job are kept: most are between two generations."""


class Scheduler:
    """All jobs, all workers, all units."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._now = 0.0
        self._roster = Pool()
        self._jobs: dict[int, Job] = {}
        self._units: dict[int, Flight] = {}
        self._lost: dict[int, Send] = {}
        """Units given up for lost whose reply may still come."""
        self._numbers = itertools.count()
        self._shares = Shares()
        self._speeds = Speeds()
        self._stragglers = Stragglers()
        self._absent: dict[str, None] = {}
        """Experiments that have had a job and have none now, those that left first at the front."""
        self._looked = self._normalised = -math.inf
        self.late_replies = 0
        self.hedges = 0
        """Units sent a second time while the first was in flight."""

    # The clock

    def tick(self, now: float) -> None:
        """It is ``now``, in seconds of any clock that does not go back."""
        self._now = max(self._now, now)
        self._roster.wake(self._now)
        if self._now >= self._looked + LOOK_SECONDS:
            self._looked = self._now
            self._stragglers.look(self._jobs.values(), self._seconds, self._now)
        if self._now >= self._normalised + NORMALISE_SECONDS:
            self._normalised = self._now
            self._speeds.normalise(self._roster)
            self._roster.recount()

    def requests_cost(self, seconds: float) -> None:
        """A request costs the master so much of its time, as measured."""
        self._limits = replace(self._limits, request_seconds=seconds)

    # Jobs

    def add_job(
        self,
        experiment: str,
        rollouts: int,
        *,
        background: bool = False,
        most_seconds: float = math.inf,
        most_rollouts: int | None = None,
        kind: str | None = None,
    ) -> int:
        """Take a job of ``rollouts`` rollouts in and return its number.

        No unit of it should exceed ``most_seconds``, and none may have more than ``most_rollouts``. Only workers
        of its ``kind`` may have any; None: all.
        """
        number = next(self._numbers)
        self._absent.pop(experiment, None)
        self._shares.enter(experiment, self._jobs.values())
        most_rollouts = rollouts if most_rollouts is None else most_rollouts
        self._jobs[number] = Job(number, experiment, background, rollouts, most_seconds, most_rollouts, kind)
        return number

    def remove_job(self, number: int) -> tuple[int, ...]:
        """Forget a job, finished or not, and return its units in flight, which are to be cancelled."""
        units = tuple(self._jobs[number].flights)
        for unit in units:
            self._land(unit)
        self._leave(self._jobs.pop(number).experiment)
        self._lost = {unit: send for unit, send in self._lost.items() if send.job != number}
        return units

    def _leave(self, experiment: str) -> None:
        """Count an experiment as absent that has no job any more; forget those that are absent longest."""
        if any(job.experiment == experiment for job in self._jobs.values()):
            return
        self._absent[experiment] = None
        while len(self._absent) > MOST_ABSENT:
            longest = next(iter(self._absent))
            del self._absent[longest]
            self._shares.forget(longest)
            self._speeds.forget(longest)

    def done(self, number: int) -> int:
        """Return how many of a job's rollouts are settled."""
        return self._jobs[number].done + self._jobs[number].given_up

    def finished(self, number: int) -> bool:
        """Whether every rollout of a job is done or given up."""
        return self._jobs[number].finished

    # Workers

    def worker_up(self, name: str, slots: int, kind: str = "", queue: int | None = None) -> None:
        """Use a worker with so many slots; 0 lets it finish what it has and sends nothing more.

        Its ``kind`` is any text: jobs may ask for it, see `add_job`. Its ``queue`` is what may wait for its slots.
        """
        worker = self._roster.enter(name, next(self._numbers))
        worker.kind = kind
        queue = USUAL_QUEUE * slots if queue is None else queue
        if worker.slots or not slots:
            worker.slots, worker.queue = slots, queue
        else:
            worker.begin(slots, queue, self._limits.first_window)
        self._roster.changed(worker, self._now)

    def worker_down(self, name: str, *, forget: bool = False) -> list[Outcome]:
        """A worker is gone, and with it whatever it was computing; ``forget``: it will not come back."""
        worker = self._roster.get(name)
        if worker is None:
            return []
        worker.slots = 0
        outcomes = [self.unit_lost(unit) for unit in list(worker.flights)]
        self._roster.changed(worker, self._now)
        if forget:
            self._roster.forget(name)
        return outcomes

    def worker(self, name: str) -> PoolWorker | None:
        """Return how a worker stands, to be looked at only."""
        return self._roster.get(name)

    @property
    def slots(self) -> int:
        """All slots of all workers."""
        return sum(worker.slots for worker in self._roster)

    # Units

    def unit_done(self, unit: int, busy_seconds: float, failures: Sequence[Failure] = ()) -> Outcome:
        """A unit's reply has come, with the failures it names."""
        flight = self._land(unit)
        send = flight.send if flight else self._lost.pop(unit, None)
        job = self._jobs.get(send.job) if send else None
        fresh = [rollout for rollout in send.rollouts if not job.settled[rollout]] if send and job else []
        if send is None or job is None or not fresh:
            self.late_replies += 1
            return Outcome()
        if flight is None:
            job.withdraw(fresh)
        failed = {send.rollouts[index]: failure for failure in failures for index in failure.rollouts}
        self._judge(send, flight, job, busy_seconds, failed)
        counted = tuple(rollout for rollout in fresh if rollout not in failed)
        twice = any(job.copies[rollout] for rollout in counted)
        job.complete(counted)
        given_up, retried = strike(job, send, {rollout: failed[rollout] for rollout in fresh if rollout in failed})
        return Outcome(
            job.number,
            counted,
            given_up,
            retried,
            cancel=self._cancel_useless(job) if twice or given_up else (),
            hopeless=next(iter(given_up.values()), None) if hopeless(job) else None,
            complete=job.finished,
        )

    def unit_lost(self, unit: int) -> Outcome:
        """A unit has no known outcome (reset, timeout, 5xx, worker gone): it will be run elsewhere."""
        flight = self._land(unit)
        job = self._jobs.get(flight.send.job) if flight else None
        if flight is None or job is None:
            return Outcome()
        send = flight.send
        if worker := self._roster.get(send.worker):
            worker.fail(flight.sent, self._now, may_rest=True)
            self._roster.changed(worker, self._now)
        self._lost[unit] = send
        given_up, retried = lose(job, send)
        return Outcome(job.number, (), given_up, retried, complete=job.finished)

    def unit_refused(self, unit: int, rest_seconds: float = 0.0) -> Outcome:
        """A unit was not taken (no room, no connection), so nothing of it has run; its worker may rest."""
        flight = self._land(unit)
        job = self._jobs.get(flight.send.job) if flight else None
        if flight is None or job is None:
            return Outcome()
        if worker := self._roster.get(flight.send.worker):
            worker.push_back(self._now + rest_seconds)
            self._roster.changed(worker, self._now)
        job.hedged -= len(flight.send.rollouts) if flight.send.hedge else 0
        job.put_back(job.nowhere(flight.send.rollouts))
        return Outcome(job.number)

    def assign(self) -> list[Send]:
        """Return what to send now: to the freest worker first, from the neediest job."""
        sends: list[Send] = []
        passed: list[PoolWorker] = []
        busy: set[str] = set()
        """Kinds none of whose workers has an idle slot, and of which the freest may queue nothing."""
        self._roster.count(self._now)
        while worker := self._roster.pop_free(self._wanted_kinds() - busy):
            send = self._hedge_for(worker) if not worker.full else None
            send = send or self._next_for(worker)
            if send is None:
                passed.append(worker)
                if worker.full:
                    busy.add(worker.kind)  # it was the freest of them
            else:
                sends.append(send)
        for worker in passed:
            self._roster.loaded(worker, self._now)
        return sends

    # Deciding

    def _wanted_kinds(self) -> Set[str]:
        """Return the kinds of free workers that there may be anything to send to."""
        wanted = {job.kind for job in self._jobs.values() if job.waiting}
        wanted |= self._stragglers.kinds
        return self._roster.free_kinds if None in wanted else {kind for kind in wanted if kind is not None}

    def _next_for(self, worker: PoolWorker) -> Send | None:
        """Return rollouts of the neediest job that may have this worker."""
        able = [job for job in self._jobs.values() if self._may_have(worker, job)]
        if not able:
            return None
        job = min(able, key=self._shares.need)
        if suspect := job.take_suspect(worker.name):
            return self._send(job, suspect, worker)
        shape = unit_shape(job, worker, self._seconds(job), self._capacity(job), self._limits)
        rollouts = job.take(min(shape.rollouts, job.most_rollouts))
        return self._send(job, rollouts, worker, slots=shape.slots)

    def _may_have(self, worker: PoolWorker, job: Job) -> bool:
        if not job.waiting or not job.takes(worker):
            return False
        capacity, seconds = self._capacity(job), self._seconds(job)
        if not job.work_for(worker.name, capacity.workers > 1):
            return False
        if job.pending and leaves_it(job, worker, seconds, capacity):
            return False
        return not worker.full or may_queue(job, worker, seconds, capacity, self._limits)

    def _hedge_for(self, worker: PoolWorker) -> Send | None:
        """Return the worst straggler's rollouts, for a quick, idle worker that no other experiment needs more."""
        need = self._shares.need
        for job, rollouts in self._stragglers.hedges(worker, self._jobs, self._idle):
            if is_slow(worker, self._capacity(job)):
                continue
            others = [other for other in self._jobs.values() if self._may_have(worker, other)]
            if not any(need(other) < need(job) for other in others):
                self.hedges += 1
                return self._send(job, rollouts, worker, hedge=True)
        return None

    def _send(self, job: Job, rollouts: range, worker: PoolWorker, *, slots: int = 1, hedge: bool = False) -> Send:
        slots = min(slots, len(rollouts))
        send = Send(next(self._numbers), job.number, rollouts, worker.name, slots, hedge)
        flight = Flight(send, self._now, None if worker.full else self._now)
        self._units[send.unit] = flight
        idle = worker.idle
        worker.depart(flight)
        job.depart(flight)
        self._shares.depart(job.experiment)
        self._roster.idle(worker, worker.idle - idle, self._now)
        return send

    def _land(self, unit: int) -> Flight | None:
        """Take a unit out of flight."""
        flight = self._units.pop(unit, None)
        if flight is not None:
            job = self._jobs[flight.send.job]
            job.land(unit)
            self._shares.land(job.experiment)
            if worker := self._roster.get(flight.send.worker):
                idle = worker.idle
                worker.land(unit, self._now)
                self._roster.idle(worker, worker.idle - idle, self._now)
        return flight

    def _cancel_useless(self, job: Job) -> tuple[int, ...]:
        units = tuple(job.useless())
        for unit in units:
            flight = self._land(unit)
            worker = self._roster.get(flight.send.worker) if flight else None
            if flight and worker and flight.started is not None:
                self._speeds.learn_least(job.experiment, worker, flight.send.rounds, flight.age(self._now))
                self._roster.recount()
        return units

    # Judging

    def _judge(
        self, send: Send, flight: Flight | None, job: Job, busy_seconds: float, failed: dict[int, Failure]
    ) -> None:
        """Learn from a reply how fast its worker is, and how it stands."""
        worker = self._roster.get(send.worker)
        if worker is None:
            return
        whole = len(failed) == len(send.rollouts)
        if not whole and any(failure.kind in DEATHS for failure in failed.values()):
            return  # one of its slots died, others did well: that tells neither how quick nor how good it is
        if not whole:
            before = worker.rate
            worker.answered += 1
            worker.succeed(send.slots)
            of = None if job.background else job.rollouts
            self._speeds.learn(job.experiment, worker, len(send.rollouts), busy_seconds, of)
            self._roster.quicken(worker, worker.rate - before, self._now)
            self._roster.loaded(worker, self._now)
            return
        if job.done and flight is not None and not any(job.strikes[rollout] for rollout in send.rollouts):
            worker.fail(flight.sent, self._now, may_rest=self._capacity(job).workers > 1)
        self._roster.changed(worker, self._now)

    # Counting

    def _capacity(self, job: Job) -> Capacity:
        """Return what the workers that a job may use come to."""
        return self._roster.capacity(job.kind)

    def _idle(self, job: Job) -> int:
        """Return how many slots that a job may use have nothing to do."""
        return self._capacity(job).idle

    def _seconds(self, job: Job) -> float | None:
        return self._speeds.seconds(job.experiment)

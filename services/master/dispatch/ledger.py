"""The ledger decides what is sent where. It does no I/O, reads no clock, and never waits.

Events come in as method calls (a job added, a worker up or down, a unit done or lost); `assign` says what to send
now. Every rollout of a job is in exactly one place: pending, in flight, done or given up. Nothing a job results in
depends on the ledger's choices: they move work about, they do not change it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter, deque
from collections.abc import Sequence

from services.master.dispatch.entries import JobEntry, Limits, Outcome, Send, WorkerEntry
from shared.protocol import Failure

MAX_ATTEMPTS_ALONE = 2
"""A rollout that fails this often on its own is given up (on two workers, where there are two)."""

HOPELESS = 3
"""A job whose first so many results are all failures is hopeless: its environment fails everywhere."""

LOSSES_TOGETHER = 3
"""A unit lost this often (its worker went away under it) has its rollouts run alone: one may be what kills it."""

LOSSES_ALONE = 10
"""A rollout lost this often on its own is given up. Mere bad luck does not get there."""

SMOOTHING = 0.3
"""Weight of the newest unit in the running estimate of a rollout's duration."""


class Ledger:
    """All jobs, all workers, all units."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._workers: dict[str, WorkerEntry] = {}
        self._jobs: dict[int, JobEntry] = {}
        self._units: dict[int, Send] = {}
        self._lost: dict[int, Send] = {}
        """Units given up for lost whose reply may still come."""
        self._numbers = itertools.count()
        self._served: Counter[str] = Counter()
        """Units ever sent, by experiment: of experiments with equally much in flight, the least served is next."""
        self._rollout_seconds: dict[str, float] = {}
        self.late_replies = 0

    # Jobs

    def add_job(
        self, experiment: str, rollouts: int, *, background: bool = False, most_seconds: float = math.inf
    ) -> int:
        """Take a job of ``rollouts`` rollouts in and return its number; no unit of it should exceed a duration."""
        job = next(self._numbers)
        least = min((self._served[other.experiment] for other in self._jobs.values()), default=0)
        self._served[experiment] = max(self._served[experiment], least)  # absence earns no credit
        pending = deque([range(rollouts)])
        self._jobs[job] = JobEntry(experiment, background, rollouts, pending, most_seconds=most_seconds)
        return job

    def remove_job(self, job: int) -> None:
        """Forget a job, finished or not; replies to its units will be late."""
        del self._jobs[job]
        self._lost = {unit: send for unit, send in self._lost.items() if send.job != job}

    def done(self, job: int) -> int:
        """Return how many of a job's rollouts are settled."""
        return self._jobs[job].done + self._jobs[job].given_up

    def finished(self, job: int) -> bool:
        """Whether every rollout of a job is done or given up."""
        return self._jobs[job].finished

    # Workers

    def worker_up(self, worker: str, slots: int) -> None:
        """Use a worker with so many slots; 0 lets it finish what it has and sends nothing more."""
        self._workers.setdefault(worker, WorkerEntry(slots)).slots = slots

    def worker_down(self, worker: str) -> None:
        """A worker is gone, and with it whatever it was computing."""
        if self._workers.pop(worker, None) is not None:
            for unit in [send.unit for send in self._units.values() if send.worker == worker]:
                self.unit_lost(unit)

    @property
    def slots(self) -> int:
        """All slots of all workers."""
        return sum(worker.slots for worker in self._workers.values())

    # Units

    def unit_done(self, unit: int, busy_seconds: float, failures: Sequence[Failure] = ()) -> Outcome:
        """A unit's reply has come, with the failures it names."""
        send = self._settle(unit) or self._recover(unit)
        job = self._jobs.get(send.job) if send else None
        if send is None or job is None:
            self.late_replies += 1
            return Outcome(stored=False)
        self._learn_speed(job.experiment, busy_seconds / len(send.rollouts))
        given_up: dict[int, Failure] = {}
        failed = {index: failure for failure in failures for index in failure.rollouts}
        for index, failure in failed.items():
            rollout = send.rollouts[index]
            alone = len(send.rollouts) == 1
            job.attempts[rollout] += alone
            if job.attempts[rollout] >= MAX_ATTEMPTS_ALONE:
                given_up[rollout] = failure
            elif alone:
                job.alone.appendleft((rollout, send.worker))  # nearly known: find out at once
            else:
                job.alone.append((rollout, send.worker))
        job.done += len(send.rollouts) - len(failed)
        job.given_up += len(given_up)
        hopeless = next(iter(given_up.values()), None) if self._hopeless(job) else None
        return Outcome(stored=True, given_up=given_up, hopeless=hopeless)

    def unit_lost(self, unit: int) -> Outcome:
        """A unit has no known outcome (reset, timeout, 5xx, worker gone): it will be run elsewhere."""
        send = self._settle(unit)
        job = self._jobs.get(send.job) if send else None
        if send is None or job is None:
            return Outcome(stored=False)
        first, alone = send.rollouts[0], len(send.rollouts) == 1
        job.losses[first] += 1
        if alone and job.losses[first] >= LOSSES_ALONE:
            job.given_up += 1
            message = f"its worker was lost {LOSSES_ALONE} times"
            return Outcome(stored=True, given_up={first: Failure(kind="crash", message=message, rollouts=[0])})
        if job.losses[first] >= LOSSES_TOGETHER or (alone and job.attempts[first]):
            job.alone.extend((rollout, send.worker) for rollout in send.rollouts)
        else:
            job.pending.appendleft(send.rollouts)
            self._lost[unit] = send
        return Outcome(stored=False)

    def assign(self) -> list[Send]:
        """Return what to send now: to the freest worker first, from the neediest job."""
        sends: list[Send] = []
        free = [
            (worker.load, order, name)
            for order, (name, worker) in enumerate(self._workers.items())
            if worker.in_flight < worker.capacity
        ]
        heapq.heapify(free)
        alternatives = sum(worker.slots > 0 for worker in self._workers.values()) > 1
        slots = self.slots
        while free:
            _, order, name = heapq.heappop(free)
            job = self._neediest_job(name, alternatives)
            if job is None:
                continue
            sends.append(self._send(job, self._take(self._jobs[job], name, slots), name))
            worker = self._workers[name]
            if worker.in_flight < worker.capacity:
                heapq.heappush(free, (worker.load, order, name))
        return sends

    def _send(self, number: int, rollouts: range, worker: str) -> Send:
        send = Send(next(self._numbers), number, rollouts, worker)
        job = self._jobs[number]
        self._units[send.unit] = send
        self._workers[worker].in_flight += 1
        job.in_flight += 1
        self._served[job.experiment] += 1
        return send

    def _settle(self, unit: int) -> Send | None:
        send = self._units.pop(unit, None)
        if send is not None:
            if worker := self._workers.get(send.worker):
                worker.in_flight -= 1
            if job := self._jobs.get(send.job):
                job.in_flight -= 1
        return send

    def _recover(self, unit: int) -> Send | None:
        """Take a unit that was given up for lost back, if its rollouts still wait: the first valid reply wins."""
        send = self._lost.pop(unit, None)
        job = self._jobs.get(send.job) if send else None
        if send is None or job is None or send.rollouts not in job.pending:
            return None
        job.pending.remove(send.rollouts)
        return send

    def _hopeless(self, job: JobEntry) -> bool:
        return not job.done and job.given_up >= min(HOPELESS, job.rollouts)

    def _neediest_job(self, worker: str, alternatives: bool) -> int | None:
        """Fair shares: the experiment with the least in flight; within one, training before tests."""
        in_flight: Counter[str] = Counter()
        for job in self._jobs.values():
            in_flight[job.experiment] += job.in_flight

        def order(number: int) -> tuple[int, int, bool, int]:
            job = self._jobs[number]
            return in_flight[job.experiment], self._served[job.experiment], job.background, number

        able = (number for number, job in self._jobs.items() if job.work_for(worker, alternatives))
        return min(able, key=order, default=None)

    def _take(self, job: JobEntry, worker: str, slots: int) -> range:
        """Take the next rollouts out of a job's pending ones, or a suspect, alone."""
        if not job.pending or job.suspects_first:
            suspect = next((one for one in job.alone if one[1] != worker), job.alone[0])
            job.alone.remove(suspect)
            return range(suspect[0], suspect[0] + 1)
        size = self._unit_size(job, slots)
        rollouts = job.pending.popleft()
        if len(rollouts) > size:
            job.pending.appendleft(rollouts[size:])
        return rollouts[:size]

    def _unit_size(self, job: JobEntry, slots: int) -> int:
        """As many rollouts as the target duration holds, fewer toward the end so that the tail is short."""
        share = math.ceil(job.waiting / (2 * max(1, slots)))
        seconds = self._rollout_seconds.get(job.experiment)
        if seconds is None:
            return min(share, self._limits.first_unit_rollouts)
        most = max(1, int(min(self._limits.unit_seconds, job.most_seconds) / seconds))
        least = max(1, int(self._limits.minimum_unit_seconds / seconds))
        return max(min(share, most), min(least, most))

    def _learn_speed(self, experiment: str, seconds: float) -> None:
        known = self._rollout_seconds.get(experiment, seconds)
        self._rollout_seconds[experiment] = max(1e-6, known + SMOOTHING * (seconds - known))

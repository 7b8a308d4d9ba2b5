"""Where a unit goes, and why: `place` is the one function that says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.pool import Pool, Totals
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.shares import Shares
from seedcast.services.master.scheduling.sizing import UnitSize, unit_size
from seedcast.services.master.scheduling.speeds import Speeds
from seedcast.services.master.scheduling.stragglers import Stragglers
from seedcast.services.master.scheduling.tuning import Tuning


class Why(StrEnum):
    """Why a worker is sent a unit, or nothing."""

    NEXT = "a slot is idle, and the experiment has the least in flight"
    QUEUED = "every slot is taken; the unit waits in its queue, so that no slot waits for a request"
    SUSPECT = "the rollout may be what failed elsewhere, and runs alone"
    STRAGGLER = "the unit of another worker takes too long"
    NOTHING_WAITS = "nothing waits that it may have"
    TOO_SLOW = "it is slow: the others do all that waits before it does one rollout"
    NO_QUEUEING = "every slot is taken, and what waits is better left to slots that are free first"


@dataclass(frozen=True)
class Placement:
    """What a worker is to be sent."""

    worker: PoolWorker
    why: Why
    job: Job | None = None
    """None: nothing, now."""
    rollouts: range = range(0)
    slots: int = 1
    hedge: bool = False


@dataclass(frozen=True)
class Placer:
    """All that a placement depends on."""

    pool: Pool
    jobs: Mapping[int, Job]
    shares: Shares
    speeds: Speeds
    stragglers: Stragglers
    tuning: Tuning

    def placements(self) -> Iterator[Placement]:
        """Yield what to send now, the freest worker first; each has to be sent before the next is asked for."""
        self.shares.weigh(self.jobs.values())  # once: they do not change before the next event
        passed: list[PoolWorker] = []
        spent: set[str] = set()
        """Kinds none of whose workers has an idle slot, and of which the freest may queue nothing."""
        while worker := self.pool.take_freest(self._wanted_kinds() - spent):
            placement = self.place(worker)
            worker.why = placement.why
            if placement.job is not None:
                yield placement
                continue
            passed.append(worker)
            if worker.full:
                spent.add(worker.kind)  # it was the freest of them
        for worker in passed:
            self.pool.change(worker.name)

    def place(self, worker: PoolWorker) -> Placement:
        """Return what a worker with room is to be sent, or why nothing.

        A straggler goes to an idle slot of a worker that is not slow, unless an experiment with less in flight
        needs it. Else the job that needs it most and may use it gets it: first its suspects, if it is time for
        them, else as many rollouts as `unit_size` says.
        """
        job, why = self._neediest(worker)
        if not worker.full and (hedge := self._hedge(worker, job)):
            return hedge
        if job is None:
            return Placement(worker, why)
        if suspect := job.take_suspect(worker.name):
            return Placement(worker, Why.SUSPECT, job, suspect)
        size = self._size(job, worker, self.pool.totals(job.spec.kind, job.spec.needs))
        why = Why.QUEUED if worker.full else Why.NEXT
        return Placement(worker, why, job, job.take(size.rollouts), size.slots)

    def _size(self, job: Job, worker: PoolWorker, totals: Totals) -> UnitSize:
        seconds, portion = self.speeds.seconds(job.spec.experiment), self.shares.portion(job)
        return unit_size(job, worker, seconds, totals, self.tuning, portion)

    def is_slow(self, worker: PoolWorker, totals: Totals) -> bool:
        """Whether a worker is slow beside all those that a job may use, which the quickest of them never is."""
        return worker.slowness > self.tuning.slow * totals.slowness

    def _wanted_kinds(self) -> Set[str]:
        """Return the kinds of free workers that there may be anything to send to."""
        wanted = {job.spec.kind for job in self.jobs.values() if job.waiting}
        wanted |= self.stragglers.kinds
        return self.pool.free_kinds if None in wanted else {kind for kind in wanted if kind is not None}

    def _neediest(self, worker: PoolWorker) -> tuple[Job | None, Why]:
        """Return the job that needs a worker most of those that may use it now; or None, and why no job may."""
        why = Why.NOTHING_WAITS
        for job in sorted(self.jobs.values(), key=self.shares.need):  # whoever comes after it is not looked at
            reason = self._objection(worker, job)
            if reason is None:
                return job, why
            if reason is not Why.NOTHING_WAITS:
                why = reason
        return None, why

    def _objection(self, worker: PoolWorker, job: Job) -> Why | None:
        """Return why a job may not use a worker now; None where it may."""
        if not job.waiting or not job.takes(worker):
            return Why.NOTHING_WAITS
        totals = self.pool.totals(job.spec.kind, job.spec.needs)
        if not job.work_for(worker.name, alternatives=totals.workers > 1):
            return Why.NOTHING_WAITS
        if job.pending and self._left_to_others(job, worker, totals):
            return Why.TOO_SLOW
        return Why.NO_QUEUEING if worker.full and not self._may_queue(job, worker, totals) else None

    def _left_to_others(self, job: Job, worker: PoolWorker, totals: Totals) -> bool:
        """Whether the others do all that waits before a slow worker does one rollout.

        The quickest is never slow, so that some worker takes what there is.
        """
        others = totals.speed - worker.speed
        if self.speeds.seconds(job.spec.experiment) is None or others <= 1e-9 or not self.is_slow(worker, totals):
            return False
        return worker.slowness > job.waiting / others + totals.slowness

    def _may_queue(self, job: Job, worker: PoolWorker, totals: Totals) -> bool:
        """Whether units of a job may wait in a worker's queue: while there is plenty, or units take several slots.

        Toward the end a unit in a busy worker's queue would be waited for, while slots elsewhere have nothing to
        do. But a unit of several slots is done with some of them first, and these go on with what is queued.
        """
        tuning, seconds = self.tuning, self.speeds.seconds(job.spec.experiment)
        several = worker.slots > 1 and worker.room > 1  # else no unit takes more than one
        if worker.wide or (several and self._size(job, worker, totals).slots > 1):
            return True
        if seconds is None:
            return job.waiting > 2 * totals.slots * tuning.first_unit_rollouts
        left = job.waiting * seconds / max(totals.speed, 1e-9)
        return left >= 2 * min(tuning.unit_seconds, job.spec.most_seconds)

    def _hedge(self, worker: PoolWorker, neediest: Job | None) -> Placement | None:
        """Return the worst straggler's rollouts, unless an experiment with less in flight needs the worker."""
        need = self.shares.need
        for straggler, job in self.stragglers.worst(worker.kind):
            if not job.takes(worker):
                continue
            totals = self.pool.totals(job.spec.kind, job.spec.needs)
            if straggler.flight.send.worker == worker.name or self.is_slow(worker, totals):
                continue
            slots = min(straggler.flight.send.slots, worker.idle_slots)
            rollouts = self.stragglers.part(straggler, job, slots, totals.idle_slots)
            if neediest is None or need(neediest) >= need(job):
                return Placement(worker, Why.STRAGGLER, job, rollouts, slots, hedge=True)
        return None

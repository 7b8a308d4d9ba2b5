"""Where a unit goes, and why: `place` is the one function that says so."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify, heappop, heapreplace

from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.neighbours import Neighbours
from seedcast.services.master.scheduling.pool import Pool, Totals
from seedcast.services.master.scheduling.pool_worker import Alike, PoolWorker
from seedcast.services.master.scheduling.sizing import unit_size
from seedcast.services.master.scheduling.stragglers import hedges_left, latest_straggler
from seedcast.services.master.scheduling.tuning import Tuning

_ROUNDING = 1e-9


class Why(StrEnum):
    """Why a worker is sent a unit, or nothing."""

    NEXT = "a slot is idle, and the experiment has the least of its share"
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
    job: Job
    rollouts: range
    slots: int = 1


@dataclass
class Placer:
    """Decides by what there is: it holds nothing of its own."""

    pool: Pool
    jobs: Collection[Job]
    tuning: Tuning
    neighbours: Neighbours = field(default_factory=Neighbours)

    def placements(self) -> Iterator[Placement]:
        """Yield what to send now, the freest worker first; each has to be sent before the next is asked for."""
        passed: Counter[Alike] = Counter()
        """Workers that nothing is for now. They come first in their group, as all others have as much to do."""
        freest = [(group.free[0], alike) for alike, group in self.pool.groups.items() if group.free]
        heapify(freest)
        while freest:
            (_, _, worker), alike = freest[0]
            decision = self.place(worker) if self._anything_for(alike) else None
            if isinstance(decision, Placement):
                worker.why = decision.why
                yield decision
            elif decision and not worker.full:
                worker.why = decision
                passed[alike] += 1
            else:  # nothing is for any of its group, or it has no idle slot: then no other of them has
                worker.why = decision or worker.why
                passed[alike] = sys.maxsize
            group = self.pool.groups.get(alike)
            if group and passed[alike] < len(group.free):
                heapreplace(freest, (group.free[passed[alike]], alike))
            else:
                heappop(freest)

    def place(self, worker: PoolWorker) -> Placement | Why:
        """Return what a worker with room is to be sent, or why nothing.

        The job that needs it most of those that may use it gets it: first its suspects, if it is time for them,
        else as many rollouts as `unit_size` says. Where nothing of it waits, a straggler goes to an idle slot.
        """
        why = Why.NOTHING_WAITS
        for job in neediest_first([job for job in self.jobs if job.takes(*worker.alike)]):
            totals = self.pool.totals(job)
            if not job.waiting:
                decision = self._repetition(worker, job, totals)
            else:
                decision = self._next(worker, job, totals)
            if isinstance(decision, Placement) or decision is Why.NO_QUEUEING:
                return decision  # whoever comes after it is not looked at, and does not queue before it
            if decision is not Why.NOTHING_WAITS:
                why = decision
        return why

    def _anything_for(self, workers: Alike) -> bool:
        return any(_wants(job) and job.takes(*workers) for job in self.jobs)

    def _next(self, worker: PoolWorker, job: Job, totals: Totals) -> Placement | Why:
        """Return what is next of a job for a worker, or why that is not for it now."""
        if not job.work_for(worker.name, alternatives=totals.workers > 1):
            return Why.NOTHING_WAITS
        if job.pending and self._left_to_others(job, worker, totals):
            return Why.TOO_SLOW
        if worker.full and not self._may_queue(job, worker, totals):
            return Why.NO_QUEUEING
        if suspect := job.take_suspect(worker.name):
            return Placement(worker, Why.SUSPECT, job, suspect)
        wait = self.neighbours.wait_of_others(job, totals.speed)
        size = unit_size(job, worker, totals, self.tuning, portion(job, self.jobs), wait)
        return Placement(worker, Why.QUEUED if worker.full else Why.NEXT, job, job.take(size.rollouts), size.slots)

    def _repetition(self, worker: PoolWorker, job: Job, totals: Totals) -> Placement | Why:
        """Return what an idle slot of a worker that is not slow is to repeat of a job, if anything."""
        if worker.full or self._is_slow(worker, totals):
            return Why.NOTHING_WAITS
        straggler = latest_straggler(job, self.tuning)
        if straggler is None or straggler.send.worker == worker.name:
            return Why.NOTHING_WAITS
        slots = min(straggler.send.slots, worker.idle_slots)
        rollouts = job.repeatable(straggler, hedges_left(job, self.tuning))
        return Placement(worker, Why.STRAGGLER, job, rollouts, slots)

    def _is_slow(self, worker: PoolWorker, totals: Totals) -> bool:
        """Whether a worker is slow beside all those that a job may use, which the quickest of them never is."""
        return worker.slowness > self.tuning.slow * totals.slowness

    def _left_to_others(self, job: Job, worker: PoolWorker, totals: Totals) -> bool:
        """Whether the others do all that waits before a slow worker does one rollout.

        The quickest is never slow, so that some worker takes what there is.
        """
        others = totals.speed - worker.speed
        if job.experiment.seconds is None or others <= 1e-9 or not self._is_slow(worker, totals):
            return False
        return worker.slowness > job.waiting / others + totals.slowness

    def _may_queue(self, job: Job, worker: PoolWorker, totals: Totals) -> bool:
        """Whether units of a job may wait in a worker's queue: while there is plenty, or it has wide ones.

        Toward the end a unit in a busy worker's queue would be waited for, while slots elsewhere have nothing to
        do. But a unit of several slots is done with some of them first, and these go on with what is queued.
        Beside an experiment of short generations (see `neighbours`) nothing queues: it would wait for all of that.
        """
        if worker.wide:
            return True
        tuning, seconds = self.tuning, job.experiment.seconds
        if self.neighbours.wait_of_others(job, totals.speed) < 2 * tuning.unit_seconds:
            return False
        if seconds is None:
            return job.waiting > 2 * totals.slots * tuning.first_unit_rollouts
        left = job.waiting * seconds / max(totals.speed, 1e-9)
        return left >= 2 * min(tuning.unit_seconds, job.spec.most_seconds)


def neediest_first(jobs: list[Job]) -> list[Job]:
    """Return the jobs of which anything may be sent, in the order in which it is to be (see `experiment`)."""
    experiments = {job.experiment: job.spec.share for job in jobs}
    part = (1 + sum(experiment.in_flight for experiment in experiments)) / (sum(experiments.values()) or 1)

    def need(job: Job) -> tuple[int, float, bool, int]:
        above = job.experiment.in_flight + 1 - job.spec.share * part
        return math.ceil(above - _ROUNDING), job.experiment.served, job.spec.background, job.spec.job

    return sorted(filter(_wants, jobs), key=need)


def portion(job: Job, jobs: Collection[Job]) -> float:
    """Return which part of the workers is a job's, if every experiment that wants the same has its share."""
    kinds = {None, job.spec.kind}
    shares = {one.experiment: one.spec.share for one in jobs if one.spec.kind in kinds or job.spec.kind is None}
    return job.spec.share / sum(shares.values())


def _wants(job: Job) -> bool:
    """Whether anything of a job is to be sent, or may be."""
    return bool(job.waiting or job.stragglers)

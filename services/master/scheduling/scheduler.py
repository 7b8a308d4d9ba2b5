"""The scheduler decides what is sent where: events in, instructions out. It does no I/O and reads no clock.

Every rollout of a job is in exactly one place (see `job`). Nothing that a job results in depends on the choices
made here: they move work about, they do not change it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

from seedcast.services.master.scheduling import events as ev
from seedcast.services.master.scheduling.experiment import Experiment
from seedcast.services.master.scheduling.instructions import (
    Cancel,
    Fail,
    Finish,
    Flight,
    Instruction,
    Send,
    Settle,
)
from seedcast.services.master.scheduling.job import Job, JobState
from seedcast.services.master.scheduling.neighbours import Neighbours
from seedcast.services.master.scheduling.placement import Placement, Placer, Why
from seedcast.services.master.scheduling.pool import Pool
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.retries import after_failure, after_loss
from seedcast.services.master.scheduling.speeds import learn, learn_least, normalise
from seedcast.services.master.scheduling.stragglers import find_stragglers
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.protocol import Failure

DEATHS = ("timeout", "crash", "memory")
"""Failures that cost a slot."""


class Scheduler:
    """All jobs, all workers, all units."""

    def __init__(self, tuning: Tuning | None = None) -> None:
        self._tuning = tuning or Tuning()
        self._now = 0.0
        self._pool = Pool(self._tuning)
        self._jobs: dict[int, Job] = {}
        self._experiments: dict[str, Experiment] = {}
        """Those that have a job, and those of late: those that began one longest ago at the front."""
        self._units: dict[int, Flight] = {}
        self._lost: dict[int, Send] = {}
        """Units given up for lost whose reply may still come."""
        self._numbers = itertools.count()
        self._placer = Placer(self._pool, self._jobs.values(), self._tuning)
        self._looked = self._found_median = -math.inf
        self.late_replies = 0
        """Units answered when all their rollouts had been settled by others."""

    def handle(self, event: ev.Event, now: float) -> list[Instruction]:
        """Take an event in, at ``now`` seconds of any clock that does not go back; return all that is to be done.

        What a reply came to (`Settle`, and whether that ends the job) comes first, what to send last.
        """
        self._advance(now)
        done = self._take_in(event)
        for placement in self._placer.placements():
            done.append(self._send(placement))
        return done

    # To be looked at

    def worker(self, name: str) -> PoolWorker | None:
        """Return how a worker stands, to be looked at only."""
        return self._pool.look(name)

    def settled(self, job: int) -> int:
        """Return how many of a job's rollouts are done or given up."""
        return self._jobs[job].settled_count

    # Events

    def _advance(self, now: float) -> None:
        self._now = max(self._now, now)
        self._pool.tick(self._now)
        if self._now >= self._looked + self._tuning.look_every_seconds:
            self._looked = self._now
            request_wait = len(self._units) * self._tuning.request_seconds
            for job in self._jobs.values():
                job.stragglers = find_stragglers(job, request_wait, self._now, self._tuning)
            self._placer.neighbours = self._neighbours()
        if self._now >= self._found_median + self._tuning.median_every_seconds:
            self._found_median = self._now
            normalise(self._pool, self._experiments.values(), self._tuning)

    def _neighbours(self) -> Neighbours:
        since = self._now - self._tuning.away_seconds
        wanting = [job.experiment for job in self._jobs.values()]
        lately = [one for one in self._experiments.values() if one.left > since]
        return Neighbours.of(dict.fromkeys(wanting + lately))  # each once

    def _take_in(self, event: ev.Event) -> list[Instruction]:
        match event:
            case ev.UnitDone():
                return self._unit_done(event)
            case ev.UnitLost(unit):
                return self._unit_lost(unit)
            case ev.UnitRefused():
                return self._unit_refused(event)
            case ev.JobAdded():
                return self._job_added(event)
            case ev.JobRemoved(job):
                return self._job_removed(job)
            case ev.WorkerUp():
                return self._worker_up(event)
            case ev.WorkerDown():
                return self._worker_down(event)
            case ev.RequestCosts(seconds):
                self._tuning = self._placer.tuning = replace(self._tuning, request_seconds=seconds)
        return []

    def _job_added(self, event: ev.JobAdded) -> list[Instruction]:
        experiment = self._experiments.pop(event.experiment, None) or Experiment()
        self._experiments[event.experiment] = experiment
        least_served = min((job.experiment.served for job in self._jobs.values()), default=experiment.served)
        experiment.served = max(experiment.served, least_served - self._tuning.most_credit_seconds / event.share)
        experiment.kind, experiment.share = event.kind, event.share
        self._jobs[event.job] = Job(event, experiment)
        for job in self._jobs.values():
            most_served = least_served + self._tuning.most_owed_seconds / job.spec.share
            job.experiment.served = min(job.experiment.served, most_served)
        self._forget_experiments()
        return []

    def _forget_experiments(self) -> None:
        """Forget one that has been without a job for long, where too many are known."""
        if len(self._experiments) > self._tuning.known_experiments:
            present = {job.spec.experiment for job in self._jobs.values()}
            if forgotten := next((name for name in self._experiments if name not in present), None):
                del self._experiments[forgotten]

    def _job_removed(self, number: int) -> list[Instruction]:
        units = list(self._jobs[number].flights)
        for unit in units:
            self._land(unit)
        self._jobs.pop(number).experiment.left = self._now
        self._lost = {unit: send for unit, send in self._lost.items() if send.job != number}
        return [Cancel(unit) for unit in units]

    def _worker_up(self, event: ev.WorkerUp) -> list[Instruction]:
        worker = self._pool.enter(event.worker, next(self._numbers))
        worker.kind, worker.offers = event.kind, frozenset(event.offers)
        worker.resize(event.slots, self._tuning.usual_queue * event.slots if event.queue is None else event.queue)
        return []

    def _worker_down(self, event: ev.WorkerDown) -> list[Instruction]:
        worker = self._pool.change(event.worker)
        if worker is None:
            return []
        worker.slots = 0
        units = [unit for unit, flight in self._units.items() if flight.send.worker == event.worker]
        done = [instruction for unit in units for instruction in self._unit_lost(unit)]
        if event.forget:
            self._pool.forget(event.worker)
        return done

    def _unit_done(self, event: ev.UnitDone) -> list[Instruction]:
        flight = self._land(event.unit)
        send = flight.send if flight else self._lost.pop(event.unit, None)
        job = self._jobs.get(send.job) if send else None
        fresh = [rollout for rollout in send.rollouts if not job.settled[rollout]] if send and job else []
        if flight and job:
            job.charge(flight, event.busy_seconds)
        if send is None or job is None or not fresh:
            self.late_replies += 1
            return []
        if flight is None:
            job.withdraw(fresh)
        failed = {send.rollouts[index]: failure for failure in event.failures for index in failure.rollouts}
        self._judge(send, flight, job, event.busy_seconds, failed)
        counted = tuple(rollout for rollout in fresh if rollout not in failed)
        twice = any(job.copies[rollout] for rollout in counted)
        job.complete(counted)
        anew = {rollout: failed[rollout] for rollout in fresh if rollout in failed}
        given_up, retried = after_failure(job, send, anew, self._tuning)
        settle = Settle(job.spec.job, counted, given_up, retried)
        return [settle, *(self._cancel_useless(job) if twice or given_up else ()), *self._ending(job, given_up)]

    def _unit_lost(self, unit: int) -> list[Instruction]:
        flight = self._land(unit)
        if flight is None:
            return []
        send, job = flight.send, self._jobs[flight.send.job]
        if worker := self._pool.change(send.worker):
            worker.fail(flight.sent, self._now, may_rest=True)
        job.charge(flight, flight.worked(self._now))
        self._lost[unit] = send
        given_up, retried = after_loss(job, send, self._tuning)
        return [Settle(job.spec.job, (), given_up, retried, lost=1), *self._ending(job, {})]

    def _unit_refused(self, event: ev.UnitRefused) -> list[Instruction]:
        flight = self._land(event.unit)
        if flight is None:
            return []
        send, job = flight.send, self._jobs[flight.send.job]
        if worker := self._pool.change(send.worker):
            worker.push_back(self._now + event.rest_seconds)
        job.hedged -= len(send.rollouts) if send.hedge else 0
        job.charge(flight, 0.0)
        job.put_back(job.homeless(send.rollouts))
        return []

    def _ending(self, job: Job, given_up: dict[int, Failure]) -> list[Instruction]:
        state = job.state(self._tuning.hopeless_failures)
        if state is JobState.HOPELESS and given_up:
            return [Fail(job.spec.job, next(iter(given_up.values())))]
        return [Finish(job.spec.job)] if job.settled_count == job.spec.rollouts else []

    # Units in flight

    def _send(self, placement: Placement) -> Send:
        job, worker, rollouts = placement.job, placement.worker, placement.rollouts
        self._pool.change(worker.name)
        slots, hedge = min(placement.slots, len(rollouts)), placement.why is Why.STRAGGLER
        send = Send(next(self._numbers), job.spec.job, rollouts, worker.name, slots, hedge)
        flight = Flight(send, self._now, None if worker.full else self._now)
        self._units[send.unit] = flight
        worker.depart(flight)
        job.depart(flight)
        return send

    def _land(self, unit: int) -> Flight | None:
        """Take a unit out of flight."""
        flight = self._units.pop(unit, None)
        if flight is not None:
            self._jobs[flight.send.job].land(unit)
            if worker := self._pool.change(flight.send.worker):
                worker.land(flight, self._now)
        return flight

    def _cancel_useless(self, job: Job) -> list[Cancel]:
        units = job.useless()
        for unit in units:
            flight = self._land(unit)
            worker = self._pool.change(flight.send.worker) if flight else None
            if flight and worker and flight.started is not None:
                learn_least(job.experiment, worker, flight.send.rounds, flight.age(self._now))
        return [Cancel(unit) for unit in units]

    def _judge(
        self, send: Send, flight: Flight | None, job: Job, busy_seconds: float, failed: dict[int, Failure]
    ) -> None:
        """Learn from a reply how slow its worker is, and whether it works."""
        alternatives = self._pool.totals(job).workers > 1
        worker = self._pool.change(send.worker)
        if worker is None:
            return
        everything_failed = len(failed) == len(send.rollouts)
        if not everything_failed and any(failure.kind in DEATHS for failure in failed.values()):
            return  # one of its slots died, others did well: that tells neither how slow nor how good it is
        if not everything_failed:
            worker.succeed(send.slots)
            of = None if job.spec.background else job.spec.rollouts
            learn(job.experiment, worker, len(send.rollouts), busy_seconds, of)
        elif job.done and flight is not None and not any(job.strikes[rollout] for rollout in send.rollouts):
            worker.fail(flight.sent, self._now, may_rest=alternatives)

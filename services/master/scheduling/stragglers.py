"""Which units are stragglers, to be sent to another worker too.

This is a hedge (Dean and Barroso, "The tail at scale", 2013, https://doi.org/10.1145/2408776.2408794). The rule:
nothing of the job waits to be sent, at least three quarters of its rollouts are settled, and the unit has run for
more than twice what its rollouts take a typical worker. At most a tenth of a job's rollouts (and always one) goes
out a second time, none a third time while two are in flight, and no suspect: that might cost two slots at once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from services.master.scheduling.instructions import Flight
from services.master.scheduling.job import Job
from services.master.scheduling.pool_worker import PoolWorker

SETTLED_SHARE = 0.75
"""So much of a job must be in."""

PATIENCE = 2.0
"""A unit is a straggler after so many times its expected duration,"""

LEAST_SECONDS = 0.1
"""and not before so long: below it a request costs more than it saves."""


@dataclass(frozen=True)
class Straggler:
    """A unit that takes too long."""

    job: int
    flight: Flight
    times: float
    """How many times its expected duration it has run for."""


class Stragglers:
    """Those of all jobs, as of the last look."""

    def __init__(self) -> None:
        self._found: dict[str | None, list[Straggler]] = {}
        """By the kind of worker that their job asks for, the worst last."""

    @property
    def kinds(self) -> Set[str | None]:
        """The kinds of workers that there is any for; None: all."""
        return {kind for kind, found in self._found.items() if found}

    def look(self, jobs: Iterable[Job], seconds_of: Callable[[Job], float | None], now: float) -> None:
        """Find them anew; ``seconds_of`` a job is what one of its rollouts takes a typical worker."""
        self._found = defaultdict(list)
        for job in jobs:
            self._found[job.kind] += stragglers(job, seconds_of(job), now)
        for found in self._found.values():
            found.sort(key=lambda straggler: straggler.times)

    def hedges(
        self, worker: PoolWorker, jobs: Mapping[int, Job], idle_slots_for: Callable[[Job], int]
    ) -> Iterator[tuple[Job, range]]:
        """Return what a worker might do again: of the worst straggler for its kind, and for any kind."""
        for kind in (worker.kind, None):
            found = self._found.get(kind, [])
            while found:
                straggler = found[-1]
                job = jobs.get(straggler.job)
                most = hedge_size(job, straggler, idle_slots_for(job)) if job else 0
                rollouts = repeatable(job, straggler.flight, most) if job else range(0)
                if job and rollouts:
                    if straggler.flight.send.worker != worker.name:
                        yield job, rollouts
                    break
                found.pop()  # it is none any more


def stragglers(job: Job, seconds: float | None, now: float) -> list[Straggler]:
    """Return a job's stragglers; ``seconds`` is what a rollout takes a typical worker."""
    if seconds is None or job.waiting or job.hedges_left <= 0:
        return []
    if job.done + job.given_up < SETTLED_SHARE * job.rollouts:
        return []
    found: list[Straggler] = []
    for flight in job.flights.values():
        age, expected = flight.age(now), seconds * flight.send.rounds
        if age > max(PATIENCE * expected, LEAST_SECONDS) and repeatable(job, flight, job.rollouts):
            found.append(Straggler(job.number, flight, age / expected))
    return found


def repeatable(job: Job, flight: Flight, most: int) -> range:
    """Return up to ``most`` neighbouring rollouts of a unit that are in no other, not settled, and no suspects."""
    rollouts = flight.send.rollouts
    if job.waiting or flight.send.unit not in job.flights:
        return range(0)
    start = next((rollout for rollout in rollouts if _single(job, rollout)), rollouts.stop)
    stop = start
    while stop < min(rollouts.stop, start + most) and _single(job, stop):
        stop += 1
    return range(start, stop)


def hedge_size(job: Job, straggler: Straggler, idle_slots: int) -> int:
    """Split a straggler over the slots that have nothing to do, within the budget."""
    return min(job.hedges_left, math.ceil(len(straggler.flight.send.rollouts) / max(1, idle_slots)))


def _single(job: Job, rollout: int) -> bool:
    return not job.settled[rollout] and job.copies[rollout] == 1 and not job.strikes[rollout]

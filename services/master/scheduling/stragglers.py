"""Which units are stragglers, to be sent to another worker too.

This is a hedge (Dean and Barroso, "The tail at scale", 2013, https://doi.org/10.1145/2408776.2408794). The rule:
nothing of the job waits to be sent, at least three quarters of its rollouts are settled, and the unit has run for
more than twice what its rollouts take the median worker, its request's own wait for others included. At most a
tenth of a job's rollouts (and always one) goes out a second time, none a third time while two are in flight, and
no suspect: that might cost two slots at once. A unit of several slots is repeated on several, to spare requests.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

from seedcast.services.master.scheduling.instructions import Flight
from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.tuning import Tuning


@dataclass(frozen=True)
class Straggler:
    """A unit that takes too long."""

    job: int
    flight: Flight
    times: float
    """How many times its expected duration it has run for."""


class Stragglers:
    """Those of all jobs, as of the last look."""

    def __init__(self, jobs: Mapping[int, Job], tuning: Tuning) -> None:
        self._jobs = jobs
        self._tuning = tuning
        self._found: dict[str | None, list[Straggler]] = {}
        """By the kind of worker that their job asks for, the worst last."""

    @property
    def kinds(self) -> Set[str | None]:
        """The kinds of workers that there is any for; None: all."""
        return {kind for kind, found in self._found.items() if found}

    def look(self, seconds_of: Callable[[str], float | None], request_wait: float, now: float) -> None:
        """Find them anew; ``seconds_of`` an experiment is what one of its rollouts takes the median worker.

        ``request_wait`` is what the master takes for the requests in flight, in seconds: hundreds at once wait
        for each other, and to send them all to a second worker would make a late generation later.
        """
        self._found = defaultdict(list)
        for job in self._jobs.values():
            self._found[job.spec.kind] += self._of(job, seconds_of(job.spec.experiment), request_wait, now)
        for found in self._found.values():
            found.sort(key=lambda straggler: straggler.times)

    def worst(self, kind: str) -> Iterator[tuple[Straggler, Job]]:
        """Yield the worst straggler of the jobs that ask for this kind of worker, and of those for any kind."""
        for wanted in (kind, None):
            found = self._found.get(wanted, [])
            while found:
                job = self._jobs.get(found[-1].job)
                if job and self.hedges_left(job) > 0 and job.repeatable(found[-1].flight, 1):
                    yield found[-1], job
                    break
                found.pop()  # it is none any more

    def part(self, straggler: Straggler, job: Job, slots: int, idle_slots: int) -> range:
        """Return what so many slots are to repeat of a straggler: all idle slots share what may be repeated."""
        most = slots * math.ceil(len(straggler.flight.send.rollouts) / max(1, idle_slots))
        return job.repeatable(straggler.flight, min(self.hedges_left(job), most))

    def hedges_left(self, job: Job) -> int:
        """Return how many more of a job's rollouts may be sent a second time."""
        return max(1, int(self._tuning.hedged_share * job.spec.rollouts)) - job.hedged

    def _of(self, job: Job, seconds: float | None, request_wait: float, now: float) -> list[Straggler]:
        if seconds is None or job.waiting or self.hedges_left(job) <= 0:
            return []
        if job.settled_count < self._tuning.hedge_after_share * job.spec.rollouts:
            return []
        found: list[Straggler] = []
        for flight in job.flights.values():
            age, expected = flight.age(now), seconds * flight.send.rounds
            if age > max(self._tuning.patience * (expected + request_wait), self._tuning.hedge_after_seconds):
                found.append(Straggler(job.spec.job, flight, age / expected))
        return [straggler for straggler in found if job.repeatable(straggler.flight, 1)]

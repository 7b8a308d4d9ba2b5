"""Fair shares: next is the experiment with the least in flight; of equals, the one that has had the least."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from services.master.scheduling.job import Job


class Shares:
    """What each experiment has of the workers, and has had."""

    def __init__(self) -> None:
        self._served: Counter[str] = Counter()
        """Units ever sent, by experiment."""
        self._in_flight: Counter[str] = Counter()
        """Units in flight, by experiment."""

    def enter(self, experiment: str, others: Iterable[Job]) -> None:
        """Let an experiment in beside the ``others``: absence earns no credit."""
        least = min((self._served[other.experiment] for other in others), default=0)
        self._served[experiment] = max(self._served[experiment], least)

    def forget(self, experiment: str) -> None:
        """Forget an experiment that has no job."""
        self._served.pop(experiment, None)
        self._in_flight.pop(experiment, None)

    def depart(self, experiment: str) -> None:
        """A unit of an experiment is sent."""
        self._served[experiment] += 1
        self._in_flight[experiment] += 1

    def land(self, experiment: str) -> None:
        """A unit of an experiment is no longer in flight."""
        self._in_flight[experiment] -= 1

    def need(self, job: Job) -> tuple[int, int, bool, int]:
        """Return a key by which the neediest job is the least; within one experiment, training before tests."""
        return self._in_flight[job.experiment], self._served[job.experiment], job.background, job.number

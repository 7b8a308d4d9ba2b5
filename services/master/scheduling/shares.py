"""Fair shares: next is the experiment with the least in flight; of equals, the one that has had the least.

What an experiment has is divided by its share, a weight: with 3 it gets three times as much as with 1. One that
has nothing in flight goes before those that have, however small its share is, so that none starves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from seedcast.services.master.scheduling.job import Job


class Shares:
    """What each experiment has of the workers, and has had."""

    def __init__(self) -> None:
        self._served: dict[str, float] = {}
        """Units ever sent, by experiment, each divided by the share that it had then."""
        self._in_flight: Counter[str] = Counter()
        """Units in flight, by experiment."""
        self._wanted: dict[str | None, float] = {}
        """Shares of the experiments that want workers of a kind, added up; None: of any."""

    def enter(self, experiment: str, others: Iterable[Job]) -> None:
        """Let an experiment in beside the ``others``: absence earns no credit."""
        least = min((self._had(other.spec.experiment) for other in others), default=0.0)
        self._served[experiment] = max(self._had(experiment), least)

    def forget(self, experiment: str) -> None:
        """Forget an experiment that has no job."""
        self._served.pop(experiment, None)
        self._in_flight.pop(experiment, None)

    def depart(self, job: Job) -> None:
        """A unit of a job is sent."""
        self._served[job.spec.experiment] = self._had(job.spec.experiment) + 1 / job.spec.share
        self._in_flight[job.spec.experiment] += 1

    def land(self, experiment: str) -> None:
        """A unit of an experiment is no longer in flight."""
        self._in_flight[experiment] -= 1

    def need(self, job: Job) -> tuple[float, float, bool, int]:
        """Return a key by which the neediest job is the least; within one experiment, training before tests."""
        in_flight = self._in_flight[job.spec.experiment] / job.spec.share
        return in_flight, self._had(job.spec.experiment), job.spec.background, job.spec.job

    def weigh(self, jobs: Iterable[Job]) -> None:
        """Note which experiments want workers now, and of which kind."""
        weights: dict[str | None, dict[str, float]] = {}
        for job in jobs:
            weights.setdefault(job.spec.kind, {})[job.spec.experiment] = job.spec.share
        self._wanted = {kind: sum(shares.values()) for kind, shares in weights.items()}

    def portion(self, job: Job) -> float:
        """Return which part of the workers is a job's, if every experiment that wants the same has its share."""
        if job.spec.kind is None:
            return job.spec.share / sum(self._wanted.values())
        return job.spec.share / (self._wanted[job.spec.kind] + self._wanted.get(None, 0.0))

    def _had(self, experiment: str) -> float:
        return self._served.get(experiment, 0.0)

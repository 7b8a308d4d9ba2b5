"""How long a rollout takes, learnt from replies: of each experiment, and of each worker beside the others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from services.master.scheduling.pool_worker import PoolWorker

PACE_WEIGHT = 0.3
"""Weight of the newest unit in the running estimate of a worker's pace,"""

TELLING_SECONDS = 0.2
"""if it took so long, and less if it was shorter: then its fixed cost and the scheduler's whims tell on it."""


@dataclass
class _Estimate:
    seconds: float
    """What a rollout takes a typical worker."""
    rollouts: int
    """So many have been averaged,"""
    window: int
    """or those of about the last generation, which had so many: the short ones come back first."""


class Speeds:
    """What is known of durations: each experiment's rollout on a typical worker, and each worker's pace."""

    def __init__(self) -> None:
        self._estimates: dict[str, _Estimate] = {}

    def seconds(self, experiment: str) -> float | None:
        """Return what a rollout of an experiment takes on a typical worker; None where nobody knows yet."""
        known = self._estimates.get(experiment)
        return known.seconds if known else None

    def forget(self, experiment: str) -> None:
        """Forget how long an experiment's rollouts take."""
        self._estimates.pop(experiment, None)

    def learn(
        self, experiment: str, worker: PoolWorker, rollouts: int, busy_seconds: float, of: int | None
    ) -> None:
        """Take in that ``rollouts`` rollouts have kept a worker's slot busy for so long.

        They are of a generation ``of`` so many; None: of a test.
        """
        if not (math.isfinite(busy_seconds) and busy_seconds >= 0):
            return
        seconds = max(1e-6, busy_seconds / rollouts)
        known = self._estimates.get(experiment)
        if known is None:
            self._estimates[experiment] = _Estimate(seconds / worker.pace, rollouts, of or rollouts)
            return
        told = rollouts * max(seconds, known.seconds)
        self._pace(worker, seconds / known.seconds, told)
        least, most = known.seconds / 2, known.seconds * 2  # one odd worker must not mislead all
        typical = min(max(seconds / worker.pace, least), most)
        known.window = of or known.window
        known.rollouts = min(known.rollouts + rollouts, max(known.window, rollouts))
        known.seconds += (typical - known.seconds) * rollouts / known.rollouts

    def learn_least(self, experiment: str, worker: PoolWorker, rollouts: int, seconds: float) -> None:
        """Take in that ``rollouts`` would have taken a slot longer than ``seconds``: their unit was cancelled.

        A slow worker's last units are those that are cancelled: without them it would seem quicker than it is.
        """
        known = self._estimates.get(experiment)
        if known is not None and seconds / rollouts > worker.pace * known.seconds:
            self._pace(worker, seconds / rollouts / known.seconds, seconds)

    def normalise(self, workers: Iterable[PoolWorker]) -> None:
        """Make the median pace 1 again; what each worker is expected to take stays the same."""
        everyone = sorted((worker for worker in workers if worker.answered), key=lambda worker: worker.pace)
        if not everyone:
            return
        median = everyone[(len(everyone) - 1) // 2].pace
        for worker in everyone:
            worker.pace /= median
        for known in self._estimates.values():
            known.seconds *= median

    def _pace(self, worker: PoolWorker, times: float, told: float) -> None:
        """Take in that a worker took so many times as long as a typical one, for ``told`` seconds."""
        weight = PACE_WEIGHT * min(1.0, told / TELLING_SECONDS)
        worker.pace += weight * (min(times, 1000.0) - worker.pace)
        worker.pace = max(worker.pace, 1e-3)

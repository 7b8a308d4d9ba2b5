"""How long a rollout takes, learnt from replies: of each experiment, and of each worker beside the others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.tuning import Tuning


@dataclass
class _Estimate:
    seconds: float
    """What a rollout takes the median worker."""
    rollouts: int
    """So many have been averaged,"""
    window: int
    """or those of about the last generation, which had so many: the short ones come back first."""


class Speeds:
    """What is known of durations: each experiment's rollout on the median worker, and how slow each worker is."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._estimates: dict[str, _Estimate] = {}

    def seconds(self, experiment: str) -> float | None:
        """Return what a rollout of an experiment takes on the median worker; None where nobody knows yet."""
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
            self._estimates[experiment] = _Estimate(seconds / worker.slowness, rollouts, of or rollouts)
            return
        told = rollouts * max(seconds, known.seconds)
        self._slower(worker, seconds / known.seconds, told)
        least, most = known.seconds / 2, known.seconds * 2  # one odd worker must not mislead all
        typical = min(max(seconds / worker.slowness, least), most)
        known.window = of or known.window
        known.rollouts = min(known.rollouts + rollouts, max(known.window, rollouts))
        known.seconds += (typical - known.seconds) * rollouts / known.rollouts

    def learn_least(self, experiment: str, worker: PoolWorker, rollouts: int, seconds: float) -> None:
        """Take in that ``rollouts`` would have taken a slot longer than ``seconds``: their unit was cancelled.

        A slow worker's last units are those that are cancelled: without them it would seem quicker than it is.
        """
        known = self._estimates.get(experiment)
        if known is not None and seconds / rollouts > worker.slowness * known.seconds:
            self._slower(worker, seconds / rollouts / known.seconds, seconds)

    def median(self, workers: Iterable[PoolWorker]) -> float | None:
        """Return the median relative slowness of those that have answered; None where it is 1, or nearly."""
        everyone = sorted(worker.slowness for worker in workers if worker.answered)
        median = everyone[(len(everyone) - 1) // 2] if everyone else 1.0
        return median if abs(median - 1.0) > self._tuning.median_tolerance else None

    def normalise(self, workers: Iterable[PoolWorker], median: float) -> None:
        """Make the median relative slowness 1 again; what each worker is expected to take stays the same."""
        for worker in workers:
            if worker.answered:
                worker.slowness /= median
        for known in self._estimates.values():
            known.seconds *= median

    def _slower(self, worker: PoolWorker, times: float, told: float) -> None:
        """Take in that a worker took so many times as long as the median one, for ``told`` seconds."""
        weight = self._tuning.slowness_weight * min(1.0, told / self._tuning.telling_seconds)
        worker.slowness += weight * (min(times, 1000.0) - worker.slowness)
        worker.slowness = max(worker.slowness, 1e-3)

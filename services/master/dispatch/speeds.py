"""How long a rollout takes, learnt from replies: of each experiment, and of each worker beside the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from services.master.dispatch.standing import WorkerEntry

PACE_WEIGHT = 0.3
"""Weight of the newest unit in the running estimate of a worker's pace."""

FEWEST_UNITS = 5
"""A rollout's duration is averaged over the last so many units, or as many as there are slots: in each wave the
short ones come back first, and the long ones last."""


class Speeds:
    """What is known of durations: each experiment's rollout on a typical worker, and each worker's pace."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._units: Counter[str] = Counter()

    def seconds(self, experiment: str) -> float | None:
        """Return what a rollout of an experiment takes on a typical worker; None where nobody knows yet."""
        return self._seconds.get(experiment)

    def learn(self, experiment: str, worker: WorkerEntry, seconds: float, slots: int) -> None:
        """Take in that a rollout has taken so long on a worker; there are so many slots in all."""
        if not (math.isfinite(seconds) and seconds >= 0):
            return
        seconds = max(1e-6, seconds)
        self._units[experiment] += 1
        known = self._seconds.get(experiment)
        if known is None:
            self._seconds[experiment] = seconds / worker.pace
            return
        worker.pace += PACE_WEIGHT * (min(seconds / known, 1000.0) - worker.pace)
        worker.pace = max(worker.pace, 1e-3)
        typical = min(max(seconds / worker.pace, known / 2), known * 2)  # one odd worker must not mislead all
        units = min(self._units[experiment], max(FEWEST_UNITS, slots))
        self._seconds[experiment] = known + (typical - known) / units

    def learn_least(self, experiment: str, worker: WorkerEntry, seconds: float) -> None:
        """Take in that a rollout would have taken longer than so on a worker, whose unit was cancelled.

        A slow worker's last units are those that are cancelled: without them it would seem quicker than it is.
        """
        known = self._seconds.get(experiment)
        if known is not None and seconds / known > worker.pace:
            worker.pace += PACE_WEIGHT * (min(seconds / known, 1000.0) - worker.pace)

    def normalise(self, workers: Iterable[WorkerEntry]) -> None:
        """Make the median pace 1 again; what each worker is expected to take stays the same."""
        everyone = sorted((worker for worker in workers if worker.answered), key=lambda worker: worker.pace)
        if not everyone:
            return
        median = everyone[(len(everyone) - 1) // 2].pace
        for worker in everyone:
            worker.pace /= median
        self._seconds = {experiment: seconds * median for experiment, seconds in self._seconds.items()}

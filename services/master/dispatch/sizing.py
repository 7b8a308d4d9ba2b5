"""How many rollouts make a unit, and who had better leave the rest to others. Arithmetic only.

Units aim at a duration. Toward a generation's end each takes half of a worker's share of what is left, so that the
tail is short (guided self-scheduling: Polychronopoulos and Kuck 1987, https://doi.org/10.1109/TC.1987.5009495).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from services.master.dispatch.capacity import Capacity
from services.master.dispatch.entries import Limits
from services.master.dispatch.job import JobEntry
from services.master.dispatch.standing import WorkerEntry

PACE_WEIGHT = 0.3
"""Weight of the newest unit in the running estimate of a worker's pace."""

FEWEST_UNITS = 5
"""A rollout's duration is averaged over the last so many units, or as many as there are slots: in each wave the
short ones come back first, and the long ones last."""

SLOW_PACE = 2.0
"""A worker that takes longer than this, where a typical one takes 1, is slow."""

FIRST_UNITS_SHARE = 0.25
"""Units for a worker that has answered none yet take so much of the target duration."""

ALIKE = 1.5
"""Workers whose pace is within this factor of the typical one are given the same: the rest is chance."""

_ROUNDING = 1e-9


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


@dataclass(frozen=True)
class Shape:
    """What a unit is to be."""

    rollouts: int
    slots: int
    """Over so many slots of its worker it is split."""


def unit_shape(
    job: JobEntry, worker: WorkerEntry, seconds: float | None, capacity: Capacity, limits: Limits
) -> Shape:
    """Return how many of a job's rollouts make a unit for a worker, and for how many of its slots.

    ``seconds`` is what a rollout takes a typical worker; ``capacity`` is that of all workers the job may use.
    A unit takes one slot, unless that came to more requests than a master can make. Where a worker has not as many
    slots as that needs, units are longer, too.
    """
    if seconds is None:
        share = math.ceil(job.waiting / (2 * max(1, capacity.slots)))
        return Shape(max(1, min(share, limits.first_unit_rollouts)), 1)
    pace = _clear_pace(worker)
    each = seconds * pace
    target = min(limits.unit_seconds, job.most_seconds) * (1.0 if worker.answered else FIRST_UNITS_SHARE)
    most = max(1, int(target / each + _ROUNDING))
    share = max(1, math.ceil(job.waiting / (2 * max(capacity.rate, 1e-9) * pace) - _ROUNDING))
    slots = slots_of_a_unit(min(share, most) * each, worker, capacity, limits)
    for_a_slot = max(1, min(max(share, _least(job, seconds, pace, slots, capacity, limits)), most))
    return Shape(for_a_slot * slots, slots)


def slots_of_a_unit(unit_seconds: float, worker: WorkerEntry, capacity: Capacity, limits: Limits) -> int:
    """Return for how many slots a unit is to be that takes so long, so that the master can feed all slots."""
    wanted = capacity.slots * limits.request_seconds / (limits.feeding_share * max(unit_seconds, 1e-6))
    return max(1, min(int(wanted), worker.slots, worker.capacity))


def _least(job: JobEntry, seconds: float, pace: float, slots: int, capacity: Capacity, limits: Limits) -> int:
    """Return the fewest rollouts for a slot that are worth a request for so many slots.

    Where that is much of a job, they are as many as split it evenly.
    """
    busy = capacity.slots / slots * limits.request_seconds
    if busy <= limits.minimum_unit_seconds:
        return int(limits.minimum_unit_seconds / (seconds * pace) + _ROUNDING)
    least = max(1, math.ceil(busy / seconds - _ROUNDING))
    waves = max(1, job.rollouts // (capacity.slots * least))
    return int(math.ceil(job.rollouts / (capacity.slots * waves)) / pace + _ROUNDING)


def _clear_pace(worker: WorkerEntry) -> float:
    """Return a worker's pace, or 1 where it is hardly another."""
    return 1.0 if 1 / ALIKE < worker.pace < ALIKE else worker.pace


def may_queue(
    job: JobEntry, worker: WorkerEntry, seconds: float | None, capacity: Capacity, limits: Limits
) -> bool:
    """Whether units of a job may wait in a worker's queue: while there is plenty, or where units are very short.

    Toward the end a unit in a busy worker's queue would be waited for, while slots elsewhere have nothing to do.
    But a unit that takes several slots is done with some of them first, and these go on with what is in the queue.
    """
    if worker.taken > len(worker.flights):
        return True
    if seconds is None:
        return job.waiting > 2 * capacity.slots * limits.first_unit_rollouts
    left = job.waiting * seconds / max(capacity.rate, 1e-9)
    if left >= 2 * min(limits.unit_seconds, job.most_seconds):
        return True
    return max(seconds, left / 2) <= 2 * limits.minimum_unit_seconds


def leaves_it(job: JobEntry, worker: WorkerEntry, seconds: float | None, rate: float) -> bool:
    """Whether a slow worker had better take nothing: the others do all that waits before it does one rollout."""
    others = rate - worker.rate
    if seconds is None or worker.pace <= SLOW_PACE or others <= _ROUNDING:
        return False
    return worker.pace > job.waiting / others + 1

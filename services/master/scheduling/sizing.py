"""How many rollouts make a unit, and who had better leave the rest to others. Arithmetic only.

Units aim at a duration. Toward a generation's end each takes two thirds of a slot's share of what is left, so that
the tail is short (guided self-scheduling: Polychronopoulos and Kuck 1987, https://doi.org/10.1109/TC.1987.5009495;
they take all of it, and wait for whoever is slower than they thought).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.master.scheduling.capacity import Capacity
from services.master.scheduling.instructions import Limits
from services.master.scheduling.job import Job
from services.master.scheduling.pool_worker import PoolWorker
from services.master.scheduling.widths import width

SLOW_PACE = 2.0
"""A worker that takes so many times as long as those that a job may use, or longer, is slow."""

FIRST_UNITS_SHARE = 0.25
"""Units for a worker that has answered none yet take so much of the target duration."""

REMNANT_SHARE = 0.1
"""Rollouts that would be left over, and are no more than so much of a unit, go with it."""

ALIKE = 1.5
"""Workers whose pace is within this factor of the typical one are given the same: the rest is chance. A unit is so
much less than a slot's share of what is left that one which takes so much longer is not waited for."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Shape:
    """What a unit is to be."""

    rollouts: int
    slots: int
    """Over so many slots of its worker it is split."""


def unit_shape(job: Job, worker: PoolWorker, seconds: float | None, capacity: Capacity, limits: Limits) -> Shape:
    """Return how many of a job's rollouts make a unit for a worker, and for how many of its slots.

    ``seconds`` is what a rollout takes a typical worker; ``capacity`` is that of all workers the job may use.
    A unit takes one slot, unless that came to more requests than a master can well make (see `widths`). Where a
    worker has not as many slots as that needs, units are longer, too.
    """
    if seconds is None:
        few = math.ceil(job.waiting / (2 * max(1, capacity.slots)))
        return Shape(max(1, min(few, limits.first_unit_rollouts)), 1)
    pace = _clear_pace(worker)
    each = seconds * pace
    target = min(limits.unit_seconds, job.most_seconds) * (1.0 if worker.answered else FIRST_UNITS_SHARE)
    most = max(1, int(target / each + _ROUNDING))
    share = job.waiting / (max(capacity.rate, 1e-9) * pace)
    part = max(1, int(share / ALIKE + _ROUNDING))
    slots = width(min(part, most) * each, worker, capacity, limits.request_seconds)
    least = _least(job, seconds, pace, capacity, slots, limits)
    rollouts = max(1, min(max(part, least), most))
    if not worker.full and job.waiting <= rollouts * (capacity.idle + slots):  # the last are for idle slots only
        slots = min(slots, worker.idle)
    if slots == 1 and job.waiting <= min(most, (1 + REMNANT_SHARE) * rollouts):
        return Shape(job.waiting, 1)
    return Shape(rollouts * slots, slots)


def _least(job: Job, seconds: float, pace: float, capacity: Capacity, slots: int, limits: Limits) -> int:
    """Return the fewest rollouts for a slot that are worth a request for ``slots`` slots.

    Where a slot's share of the job is less than two such, they are this share; where the master has so many slots
    to feed that it is much of the job, they are as many as split it evenly.
    """
    busy = min(capacity.slots, job.waiting) / slots * limits.request_seconds
    if busy <= limits.minimum_unit_seconds:
        share = math.ceil(job.rollouts / (max(capacity.rate, 1e-9) * pace) - _ROUNDING)
        least = max(1, int(limits.minimum_unit_seconds / (seconds * pace) + _ROUNDING))
        return share if share < 2 * least else least
    least = max(1, math.ceil(busy / seconds - _ROUNDING))
    waves = max(1, job.rollouts // (capacity.slots * least))
    return int(math.ceil(job.rollouts / (capacity.slots * waves)) / pace + _ROUNDING)


def _clear_pace(worker: PoolWorker) -> float:
    """Return a worker's pace, or 1 where it is hardly another."""
    return 1.0 if 1 / ALIKE < worker.pace < ALIKE else worker.pace


def may_queue(job: Job, worker: PoolWorker, seconds: float | None, capacity: Capacity, limits: Limits) -> bool:
    """Whether units of a job may wait in a worker's queue: while there is plenty, or units take several slots.

    Toward the end a unit in a busy worker's queue would be waited for, while slots elsewhere have nothing to do.
    But a unit that takes several slots is done with some of them first, and these go on with what is in the queue.
    """
    if worker.wide or unit_shape(job, worker, seconds, capacity, limits).slots > 1:
        return True
    if seconds is None:
        return job.waiting > 2 * capacity.slots * limits.first_unit_rollouts
    left = job.waiting * seconds / max(capacity.rate, 1e-9)
    return left >= 2 * min(limits.unit_seconds, job.most_seconds)


def is_slow(worker: PoolWorker, capacity: Capacity) -> bool:
    """Whether a worker is slow beside all those that a job may use, which the quickest of them never is."""
    return worker.pace > SLOW_PACE * capacity.pace


def leaves_it(job: Job, worker: PoolWorker, seconds: float | None, capacity: Capacity) -> bool:
    """Whether a slow worker had better take nothing: the others do all that waits before it does one rollout.

    The quickest never leaves it, so that some worker takes what there is.
    """
    others = capacity.rate - worker.rate
    if seconds is None or others <= _ROUNDING or not is_slow(worker, capacity):
        return False
    return worker.pace > job.waiting / others + capacity.pace

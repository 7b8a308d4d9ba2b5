"""How large a unit is, and for how many slots. Arithmetic only.

Units aim at a duration. Toward a generation's end each takes two thirds of a slot's share of what is left, so that
the tail is short (guided self-scheduling: Polychronopoulos and Kuck 1987, https://doi.org/10.1109/TC.1987.5009495;
they take all of it, and wait for whoever is slower than they thought). A unit of several slots spares the master
requests, but its slots wait for the slowest of them, unless something is in the worker's queue for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.pool import Totals
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.tuning import Tuning

_ROUNDING = 1e-9


@dataclass(frozen=True)
class UnitSize:
    """How large a unit is to be."""

    rollouts: int
    slots: int
    """Over so many slots of its worker it is split."""


def unit_size(
    job: Job,
    worker: PoolWorker,
    totals: Totals,
    tuning: Tuning,
    portion: float = 1.0,
    wait_seconds: float = math.inf,
) -> UnitSize:
    """Return how many of a job's rollouts make a unit for a worker, and for how many of its slots.

    ``totals`` are those of all workers the job may use, of which ``portion`` is its own beside other experiments.
    Where many share the slots units need not be as small as if a job had them all: an engine steps twice as many
    lanes in less than twice the time. But they are no longer than others may wait: ``wait_seconds``.
    A unit takes one slot, unless that came to more requests than a master can well make. Where a worker has not as
    many slots as that needs, units are longer, too.
    """
    seconds = job.experiment.seconds
    if seconds is None:
        return _first_unit(job, worker, totals, tuning)
    alike = 1 / tuning.tolerance < worker.slowness < tuning.tolerance
    slowness = 1.0 if alike else worker.slowness
    target = min(tuning.unit_seconds, job.spec.most_seconds, max(tuning.shared_unit_seconds, wait_seconds))
    most = max(1, int(target / (seconds * slowness) + _ROUNDING))
    own_speed = max(totals.speed * portion, 1e-9)
    share = job.waiting / (own_speed * slowness)
    part = max(1, int(share / tuning.tolerance + _ROUNDING))
    wanted = slots_wanted(min(part, most) * seconds * slowness, worker, totals, tuning)
    least = _least(job, seconds, slowness, own_speed, totals, wanted, tuning)
    slots = min(wanted, worker.room)
    rollouts = max(1, min(max(part, least), most))
    if not worker.full and job.waiting <= rollouts * (totals.idle_slots + slots):  # the last are for idle slots
        slots = min(slots, worker.idle_slots)
    return UnitSize(min(rollouts * slots, job.spec.most_rollouts), slots)


def _first_unit(job: Job, worker: PoolWorker, totals: Totals, tuning: Tuning) -> UnitSize:
    """Return the size of a unit of a job whose rollouts nobody has timed: all idle slots are to get one soon."""
    few = math.ceil(job.waiting / (2 * max(1, totals.slots)))
    each = max(1, min(few, tuning.first_unit_rollouts))
    wide = int(tuning.request_seconds * totals.slots / tuning.first_fill_seconds + _ROUNDING)
    slots = max(1, min(wide, worker.idle_slots, worker.room))
    return UnitSize(max(1, min(each * slots, job.spec.most_rollouts)), slots)


def slots_wanted(unit_seconds: float, worker: PoolWorker, totals: Totals, tuning: Tuning) -> int:
    """Return for how many slots a unit is to be that takes one slot so long."""
    share = tuning.request_seconds / max(unit_seconds, 1e-6)
    """Of the master's time, that one slot takes which is fed by itself."""
    wanted = max(
        share * totals.slots / tuning.most_request_share,
        share * totals.idle_slots / tuning.start_share,
        min(
            share * totals.slots / tuning.easy_request_share, tuning.covered_queue_share * worker.places_for_single
        ),
    )
    return max(1, min(int(wanted), worker.slots))


def _least(
    job: Job, seconds: float, slowness: float, own_speed: float, totals: Totals, slots: int, tuning: Tuning
) -> int:
    """Return the fewest rollouts for a slot that are worth a request for ``slots`` slots.

    Where a slot's share of the job is less than two such, they are this share; where the master has so many slots
    to feed that it is much of the job, they are as many as split it evenly. Short rollouts fill the lanes of an
    engine, where a slot's share fills half of them.
    """
    feeding = min(totals.slots, job.waiting) / slots * tuning.request_seconds
    if feeding <= tuning.minimum_unit_seconds:
        shares = max(1, round(own_speed * slowness))  # whole: a speed of 7.9 is eight slots, measured
        share = math.ceil(job.spec.rollouts / shares)
        least = max(1, int(tuning.minimum_unit_seconds / (seconds * slowness) + _ROUNDING))
        if job.spec.lanes <= 2 * share:
            least = max(least, _filling(min(job.spec.lanes, share), share, seconds * slowness, tuning))
        return share if share < 2 * least else least
    least = max(1, math.ceil(feeding / seconds - _ROUNDING))
    waves = max(1, job.spec.rollouts // (totals.slots * least))
    return int(math.ceil(job.spec.rollouts / (totals.slots * waves)) / slowness + _ROUNDING)


def _filling(lanes: int, share: int, seconds: float, tuning: Tuning) -> int:
    """Return how many rollouts are to fill so many lanes, or 0 where one slot would then be waited for.

    A share that fills them less than twice is one unit, if that is not too long; the last unit of a larger one
    takes half a unit's time at most.
    """
    if share < 2 * lanes and share * seconds <= tuning.unit_seconds:
        return share
    return lanes if lanes * seconds <= tuning.unit_seconds / 2 else 0

"""For how many slots units are, by plain values."""

from __future__ import annotations

import pytest

from seedcast.services.master.scheduling.events import JobAdded
from seedcast.services.master.scheduling.experiment import Experiment
from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.pool import Totals
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.sizing import UnitSize, slots_wanted, unit_size
from seedcast.services.master.scheduling.tuning import Tuning


def worker(slots: int, queue: int) -> PoolWorker:
    entry = PoolWorker("w", 0, Tuning(first_share=2.0))
    entry.resize(slots, queue)
    return entry


def costing(request_seconds: float) -> Tuning:
    return Tuning(request_seconds=request_seconds)


@pytest.mark.parametrize("slots", [1, 8, 64])
def test_a_small_fleet_is_fed_slot_by_slot(slots: int) -> None:
    assert slots_wanted(1.0, worker(slots, 2 * slots), Totals(2, 2 * slots, 2 * slots), costing(0.0005)) == 1


def test_a_thousand_idle_slots_are_fed_soon_and_one_by_one_when_all_are_busy() -> None:
    idle, busy = Totals(128, 1024, 1024), Totals(128, 1024)
    assert slots_wanted(2.0, worker(8, 16), idle, costing(0.0005)) == 2
    assert slots_wanted(2.0, worker(8, 16), busy, costing(0.0005)) == 1


def test_units_are_as_wide_as_the_master_needs_and_as_their_worker_at_most() -> None:
    busy = Totals(128, 1024)
    assert slots_wanted(0.2, worker(64, 0), busy, costing(0.001)) == 8
    assert slots_wanted(0.02, worker(64, 0), busy, costing(0.001)) == 64


def test_wide_units_spare_the_master_where_the_queue_has_work_for_slots_that_are_done_first() -> None:
    busy = Totals(16, 1024)
    assert slots_wanted(1.0, worker(64, 128), busy, costing(0.001)) == 3
    assert slots_wanted(1.0, worker(64, 2), busy, costing(0.001)) == 1
    assert slots_wanted(0.2, worker(64, 128), busy, costing(0.001)) == 8


def test_an_experiment_nobody_has_timed_fills_many_slots_with_wide_units_and_few_with_narrow_ones() -> None:
    job = Job(JobAdded(0, "e", 32_768))
    many, few = Totals(128, 8192, 8192), Totals(8, 512, 512)
    assert unit_size(job, worker(64, 128), many, costing(0.0005)) == UnitSize(40, 20)
    assert unit_size(job, worker(64, 128), few, costing(0.0005)) == UnitSize(4, 1)


def test_a_unit_that_is_narrow_for_want_of_room_takes_each_slot_no_longer_than_a_wide_one() -> None:
    job, many = Job(JobAdded(0, "e", 32_768), Experiment(seconds=0.15)), Totals(128, 8192, 0, 8192.0)
    job.waiting = 16_384
    free, nearly_full = worker(64, 128), worker(64, 128)
    nearly_full.earned, nearly_full.taken = 84, 64  # more room it has not earned
    assert unit_size(job, free, many, costing(0.001)) == UnitSize(64, 64)
    assert unit_size(job, nearly_full, many, costing(0.001)) == UnitSize(20, 20)


@pytest.mark.parametrize("speed", [7.6, 7.9, 8.2])
def test_a_short_generation_is_split_evenly_where_workers_seem_faster_or_slower_by_chance(speed: float) -> None:
    job = Job(JobAdded(0, "e", 256), Experiment(seconds=0.01))
    assert unit_size(job, worker(4, 8), Totals(2, 8, 8, speed), costing(0.001)) == UnitSize(32, 1)


def test_a_short_generation_is_split_by_the_speed_of_workers_that_differ() -> None:
    job, slow = Job(JobAdded(0, "e", 120), Experiment(seconds=0.01)), worker(4, 8)
    slow.slowness = 2.0
    both = Totals(2, 8, 8, 6.0)
    assert unit_size(job, worker(4, 8), both, costing(0.001)) == UnitSize(20, 1)
    assert unit_size(job, slow, both, costing(0.001)) == UnitSize(10, 1)


@pytest.mark.parametrize(
    ("rollouts", "seconds", "lanes", "expected"),
    [
        (40, 0.027, 16, 20),  # half of a short generation fills the lanes once
        (40, 0.027, 1, 13),  # there are none to fill
        (20, 0.027, 16, 10),
        (14, 0.027, 16, 7),  # it would fill less than half of them
        (1000, 0.027, 16, 74),  # long enough as it is
        (40, 0.09, 16, 20),
        (40, 0.12, 16, 13),  # half of it is more than a unit: to fill the lanes would leave 8 for one of the slots
        (100, 0.09, 16, 22),  # as many as a unit may have
    ],
)
def test_the_end_of_a_generation_fills_an_engines_lanes(
    rollouts: int, seconds: float, lanes: int, expected: int
) -> None:
    job = Job(JobAdded(0, "e", rollouts, lanes=lanes), Experiment(seconds=seconds))
    assert unit_size(job, worker(1, 3), Totals(2, 2, 2, 2.0), costing(0.001)).rollouts == expected


@pytest.mark.parametrize(("seconds", "expected"), [(0.05, 16), (0.07, 6)])
def test_what_is_left_of_a_generation_fills_the_lanes_if_that_is_soon_done(seconds: float, expected: int) -> None:
    job = Job(JobAdded(0, "e", 100, lanes=16), Experiment(seconds=seconds))
    job.waiting = 20
    assert unit_size(job, worker(1, 3), Totals(2, 2, 0, 2.0), costing(0.001)).rollouts == expected

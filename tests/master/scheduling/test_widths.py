"""For how many slots units are, by plain values."""

from __future__ import annotations

import pytest

from services.master.scheduling.capacity import Capacity
from services.master.scheduling.pool_worker import PoolWorker
from services.master.scheduling.widths import width


def worker(slots: int, queue: int) -> PoolWorker:
    entry = PoolWorker("w", 0)
    entry.begin(slots, queue, 1.0)
    return entry


@pytest.mark.parametrize("slots", [1, 8, 64])
def test_a_small_fleet_is_fed_slot_by_slot(slots: int) -> None:
    assert width(1.0, worker(slots, 2 * slots), Capacity(2, 2 * slots, 2.0, idle=2 * slots), 0.0005) == 1


def test_a_thousand_idle_slots_are_fed_soon_and_one_by_one_when_all_are_busy() -> None:
    idle, busy = Capacity(128, 1024, 1024.0, idle=1024), Capacity(128, 1024, 1024.0)
    assert width(2.0, worker(8, 16), idle, 0.0005) == 2
    assert width(2.0, worker(8, 16), busy, 0.0005) == 1


def test_units_are_as_wide_as_the_master_needs_and_as_their_worker_at_most() -> None:
    busy = Capacity(128, 1024, 1024.0)
    assert width(0.2, worker(64, 0), busy, 0.001) == 8
    assert width(0.02, worker(64, 0), busy, 0.001) == 64


def test_wide_units_spare_the_master_where_the_queue_has_work_for_slots_that_are_done_first() -> None:
    busy = Capacity(16, 1024, 1024.0)
    assert width(1.0, worker(64, 128), busy, 0.001) == 3
    assert width(1.0, worker(64, 2), busy, 0.001) == 1
    assert width(0.2, worker(64, 128), busy, 0.001) == 8, "half of the 16 places of its queue that are used"

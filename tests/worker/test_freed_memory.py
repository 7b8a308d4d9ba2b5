"""Freed memory goes back to the system every second, unless that would take too much of a slot's time."""

from __future__ import annotations

import pytest

from seedcast.services.worker.slots.memory import GIVE_BACK_SECONDS, GIVE_BACK_SHARE, FreedMemory


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.8])
def test_to_give_memory_back_takes_no_more_than_its_share_of_a_slots_time(seconds: float) -> None:
    now, times = [0.0], 0

    def trim() -> None:
        nonlocal times
        now[0] += seconds
        times += 1

    freed = FreedMemory(trim, lambda: now[0])
    for _ in range(10_000):
        now[0] += 0.1  # a unit
        freed.give_back()
    assert times * seconds <= GIVE_BACK_SHARE * now[0] + seconds
    assert times >= 0.8 * now[0] / (max(GIVE_BACK_SECONDS, seconds / GIVE_BACK_SHARE) + 0.2)


def test_it_is_the_allocator_that_is_asked() -> None:
    now = [0.0]
    freed = FreedMemory(clock=lambda: now[0])
    now[0] += 2 * GIVE_BACK_SECONDS
    freed.give_back()

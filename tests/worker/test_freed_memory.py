"""Freed memory goes back to the system every second, unless that would take too much of a slot's time."""

from __future__ import annotations

import ctypes
import os

import pytest

from seedcast.services.worker.slots.memory import GIVE_BACK_SECONDS, GIVE_BACK_SHARE, FreedMemory, resident_bytes


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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc's")
def test_what_the_allocator_keeps_goes_back() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    now = [0.0]
    freed = FreedMemory(clock=lambda: now[0])
    blocks = [libc.malloc(2048) for _ in range(40_000)]
    for block in blocks:
        ctypes.memset(block, 1, 2048)
    for block in blocks[:-1]:  # the last one keeps what is below it from going back by itself
        libc.free(block)
    before = resident_bytes(os.getpid())
    freed.give_back()
    assert resident_bytes(os.getpid()) > before - 40_000_000, "a second has not passed"
    now[0] += 2 * GIVE_BACK_SECONDS
    freed.give_back()
    assert resident_bytes(os.getpid()) < before - 40_000_000
    libc.free(blocks[-1])

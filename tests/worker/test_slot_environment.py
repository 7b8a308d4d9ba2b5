"""What a slot begins with."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from seedcast.services.worker.slots import priority
from seedcast.services.worker.slots.nursery import Nursery
from seedcast.services.worker.slots.process import SlotProcess
from seedcast.services.worker.slots.variables import slot_environment


def test_a_slot_computes_on_one_thread_whatever_its_worker_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "8")
    assert slot_environment()["OPENBLAS_NUM_THREADS"] == "1"


def test_what_an_operator_tells_the_allocator_holds_in_slots_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=2:glibc.malloc.tcache_count=7")
    names = [one.split("=") for one in slot_environment()["GLIBC_TUNABLES"].split(":")]
    assert dict(names) == {"glibc.malloc.arena_max": "2", "glibc.malloc.tcache_count": "7"}, "the last one counts"
    monkeypatch.delenv("GLIBC_TUNABLES")
    assert slot_environment()["GLIBC_TUNABLES"].startswith("glibc.malloc.tcache_count=")


def with_slot(look: Callable[[Nursery, SlotProcess], None]) -> None:
    async def run() -> None:
        nursery = Nursery()
        try:
            process = await SlotProcess.start(nursery, memory_limit=None)
            try:
                look(nursery, process)
            finally:
                await process.kill()
        finally:
            await nursery.close()

    asyncio.run(run())


def test_a_slot_has_a_group_of_its_own_in_its_workers_session() -> None:
    """So Ctrl-C does not reach it, and Linux shares out the cores among its threads and the worker's alike."""

    def look(nursery: Nursery, process: SlotProcess) -> None:
        for leader in (process.warden, nursery.pid):
            assert leader is not None
            assert (os.getpgid(leader), os.getsid(leader)) == (leader, os.getsid(0))

    with_slot(look)


@pytest.mark.parametrize(("by_sessions", "gives_way"), [("1\n", priority.NICENESS), ("0\n", 0), (None, 0)])
def test_a_slot_gives_way_to_its_own_session_where_the_cores_are_shared_out_by_sessions(
    by_sessions: str | None, gives_way: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_sessions is not None:
        (tmp_path / "autogroups").write_text(by_sessions)
    monkeypatch.setattr(priority, "AUTOGROUPS", tmp_path / "autogroups")

    def look(_: Nursery, process: SlotProcess) -> None:
        assert process._slot is not None
        niceness = min(19, os.getpriority(os.PRIO_PROCESS, 0) + gives_way)
        assert os.getpriority(os.PRIO_PROCESS, process._slot) == niceness

    with_slot(look)

"""What slots are forked from: it may die, stop or be out of date, and no slot is the worse for it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.slots import nursery as nursery_module
from seedcast.services.worker.slots import process as process_module
from seedcast.services.worker.slots.channel import Kind, Message
from seedcast.services.worker.slots.death import SlotDied
from seedcast.services.worker.slots.fingerprint import fingerprint
from seedcast.services.worker.slots.memory import resident_bytes
from seedcast.services.worker.slots.nursery import Nursery
from seedcast.services.worker.slots.process import SlotProcess
from seedcast.shared.protocol import Unit, UnitResult
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.processes import PYTHONPATH, ROOT, Server, eventually, free_port, worker
from tests.units import faulty, numbers, unit
from tests.worker.test_life import metric, reason_not_ready
from tests.worker.tree import children, command, marked, nursery, runs, started_by, wardens

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

CALM = unit(EnvironmentSpec(id="CartPole-v1"), [1])


def assert_works(server: Server) -> None:
    assert server.http.post("/rollouts", json=faulty("none")).json()["returns"] == [10.0] * 4


def replace_slot(server: Server) -> None:
    """Kill a worker's slot, and wait for another one."""
    before = metric(server, "slot_restarts_total")
    (warden,) = wardens(server)
    os.kill(warden, signal.SIGKILL)
    eventually(lambda: metric(server, "slot_restarts_total") == before + 1)


def test_slots_outlive_what_they_are_forked_from_and_the_next_one_gets_another(tmp_path: Path) -> None:
    with worker(tmp_path) as server:
        first, (warden,) = nursery(server), wardens(server)
        (slot,) = children(warden)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: not runs(first))
        assert_works(server)
        assert runs(slot)
        os.kill(slot, signal.SIGKILL)
        eventually(lambda: metric(server, "slot_restarts_total") == 1)
        assert nursery(server) != first
        assert_works(server)
        replace_slot(server)
        assert_works(server)


def test_a_worker_killed_after_what_its_slots_are_forked_from_leaves_nothing(tmp_path: Path) -> None:
    with worker(tmp_path, slots=2) as server:
        os.kill(nursery(server), signal.SIGKILL)
        assert len(started_by(server)) >= 4, "two slots and their wardens live on"
        server.kill()
        eventually(lambda: not started_by(server))


def test_a_worker_killed_while_its_slots_warm_up_leaves_nothing() -> None:
    mark = f"SEEDCAST_WORKER_PORT={free_port()}"
    environment = os.environ | dict([mark.split("=")])
    process = subprocess.Popen([sys.executable, "-m", "seedcast.services.worker"], env=environment, cwd=ROOT)
    try:
        eventually(lambda: marked(mark) - {process.pid})
    finally:
        process.kill()
        process.wait()
    eventually(lambda: not marked(mark))


PLUGIN = """\
import random
import numpy as np

class Telling:
    dimension = {dimension}
    direction = "minimise"

    def __init__(self):
        self.initial_mean = [np.random.random(), random.random(), *[0.0] * {dimension}][: {dimension}]

    def evaluate(self, solutions, seeds):
        return solutions.sum(axis=1)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A module with an objective, in a package of a user's; what it draws is its initial mean."""
    folder = tmp_path / "packages"
    about = folder / "telling-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: telling\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[seedcast.objectives]\ntelling = telling:Telling\n")
    (folder / "telling.py").write_text(PLUGIN.format(dimension=2))
    return folder / "telling.py"


@pytest.fixture
def told(plugin: Path, tmp_path: Path) -> Any:
    path = os.pathsep.join([PYTHONPATH, str(plugin.parent)])
    with worker(tmp_path, PYTHONPATH=path) as server:
        yield server


def described(server: Server) -> dict[str, Any]:
    reply = server.http.post("/objectives/describe", json={"id": "telling"})
    content: dict[str, Any] = reply.json()
    return content


def test_a_slot_sees_what_has_become_of_a_users_package_since_the_last_one_was_started(
    told: Server, plugin: Path
) -> None:
    assert described(told)["dimension"] == 2
    plugin.write_text(PLUGIN.format(dimension=1000))
    assert described(told)["dimension"] == 2, "it is imported once"
    replace_slot(told)
    assert described(told)["dimension"] == 1000
    plugin.write_text("raise RuntimeError('half written')\n")
    replace_slot(told)
    assert "half written" in described(told)["errors"][0]["reason"]
    plugin.write_text(PLUGIN.format(dimension=3))
    replace_slot(told)
    assert described(told)["dimension"] == 3


def test_slots_do_not_draw_the_same_numbers(told: Server) -> None:
    first = described(told)["initial_mean"]
    assert described(told)["initial_mean"] == first, "it is made once"
    replace_slot(told)
    second = described(told)["initial_mean"]
    assert first[0] != second[0], "numpy's generator"
    assert first[1] != second[1], "Python's"


def test_where_importing_starts_threads_nothing_is_imported_before_the_fork(tmp_path: Path) -> None:
    thread = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    (tmp_path / "Box2D.py").write_text(f"{thread}raise ImportError\n")
    with worker(tmp_path, PYTHONPATH=os.pathsep.join([PYTHONPATH, str(tmp_path)])) as server:
        assert "--cold" in command(nursery(server))
        assert_works(server)
        replace_slot(server)
        assert_works(server)


def test_what_cannot_be_imported_without_dying_makes_the_worker_unready_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "Box2D.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    port = free_port()
    settings = {"SEEDCAST_WORKER_PORT": str(port), "SEEDCAST_WORKER_SLOTS": "1", "PYTHONPATH": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "seedcast.services.worker"], env=os.environ | settings, cwd=ROOT
    )
    try:
        detail = eventually(lambda: reason_not_ready(port, "does not start"))
        assert "the process that slots are forked from was killed by SIGKILL" in detail
    finally:
        process.terminate()
        process.wait()


def with_nursery(scenario: Callable[[Nursery], Awaitable[None]]) -> None:
    async def run() -> None:
        nursery = Nursery()
        try:
            await scenario(nursery)
        finally:
            await nursery.close()

    asyncio.run(run())


@asynccontextmanager
async def slot_of(nursery: Nursery) -> AsyncIterator[SlotProcess]:
    process = await SlotProcess.start(nursery, memory_limit=None)
    try:
        yield process
    finally:
        await process.kill()


async def computed(process: SlotProcess, work: Unit) -> UnitResult:
    reply = await process.exchange(Message(Kind.UNIT, work.to_frame()), 60, "reading")
    while reply.kind is not Kind.RESULT:
        reply = await process.exchange(None, 60, "the unit")
    return UnitResult.from_frame(reply.payload)


def nursery_pid() -> int:
    """Return the nursery of this process."""
    (found,) = [one for one in children(os.getpid()) if any("nursery_process" in part for part in command(one))]
    return found


def test_one_that_does_not_answer_is_given_up_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(nursery: Nursery) -> None:
        async with slot_of(nursery) as first:
            stopped = nursery_pid()
            os.kill(stopped, signal.SIGSTOP)
            with monkeypatch.context() as patch:
                patch.setattr(process_module, "START_SECONDS", 0.1)
                while runs(stopped):  # a start may run out of time before it has asked
                    with pytest.raises(SlotDied, match=r"took longer than 0\.1 s"):
                        await SlotProcess.start(nursery, memory_limit=None)
            async with slot_of(nursery) as second:
                assert len((await computed(first, CALM)).returns) == 1
                assert len((await computed(second, CALM)).returns) == 1

    with_nursery(scenario)


@pytest.mark.parametrize("turns", [0, 3, 100], ids=["at once", "on its way", "once it has asked"])
def test_a_start_that_is_given_up_leaves_no_process(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = f"SEEDCAST_TEST_STARTS={os.getpid()}-{turns}"
    monkeypatch.setenv(*mark.split("="))

    async def scenario(nursery: Nursery) -> None:
        async with slot_of(nursery):
            stopped = nursery_pid()
            os.kill(stopped, signal.SIGSTOP)
            starts = [asyncio.create_task(SlotProcess.start(nursery, memory_limit=None)) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for start in starts:
                start.cancel()
            endings = await asyncio.gather(*starts, return_exceptions=True)
            assert {type(one) for one in endings} == {asyncio.CancelledError}
            with suppress(ProcessLookupError):
                os.kill(stopped, signal.SIGCONT)
        async with slot_of(nursery):
            eventually(lambda: len(marked(mark)) == 3)  # the nursery, a warden, a slot

    with_nursery(scenario)
    eventually(lambda: not marked(mark))


def test_slots_are_forked_from_a_new_process_once_packages_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(nursery: Nursery) -> None:
        async with slot_of(nursery) as first:
            old = nursery_pid()
            async with slot_of(nursery):
                assert nursery_pid() == old
            monkeypatch.setattr(nursery_module, "_packages", lambda: [1])
            async with slot_of(nursery):
                assert nursery_pid() != old
                assert len((await computed(first, CALM)).returns) == 1

    with_nursery(scenario)


def test_a_slot_computes_what_a_process_does_that_has_imported_all_for_itself() -> None:
    async def scenario(nursery: Nursery) -> None:
        async with slot_of(nursery) as process:
            assert process.info.fingerprint == fingerprint()
            for spec in (
                EnvironmentSpec(id="BipedalWalker-v3", max_episode_steps=200),
                EnvironmentSpec(id="HalfCheetah-v4", max_episode_steps=50),
                EnvironmentSpec(id="Pendulum-v1", engine="gymnasium"),
            ):
                work = unit(spec, range(4))
                assert numbers(await computed(process, work)) == numbers(run_unit(work))

    with_nursery(scenario)


def test_what_slots_share_is_counted_once() -> None:
    async def scenario(nursery: Nursery) -> None:
        async with slot_of(nursery) as process:
            (slot,) = children(children(nursery_pid())[0])
            assert 0 < process.memory_bytes < resident_bytes(slot) / 2
            assert nursery.memory_bytes > resident_bytes(slot) / 2

    with_nursery(scenario)

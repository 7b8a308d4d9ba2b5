"""Environments that start processes and threads: they work, and nothing of them outlives their slot."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import PATIENCE, Server, eventually, worker
from tests.worker.tree import command, started_by

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def family(id_: str, *, rollouts: int = 2, **kwargs: Any) -> dict[str, Any]:
    return {
        "environment": {"id": id_, "kwargs": kwargs, "rollout_timeout_seconds": 10.0},
        "policy": {"name": "linear", "bias": False},
        "parameters": [[0.0] * 4],
        "rows": [0] * rollouts,
        "seeds": list(range(rollouts)),
    }


def post(server: Server, body: dict[str, Any]) -> dict[str, Any]:
    reply = server.http.post("/rollouts", json=body)
    assert reply.status_code == 200, reply.text
    result: dict[str, Any] = reply.json()
    return result


def programs(server: Server) -> list[int]:
    """Return the processes that environments have started."""
    return [pid for pid in started_by(server) if command(pid)[:1] == ["sleep"]]


@pytest.mark.parametrize("id_", ["Subprocess-v0", "Forked-v0", "Threaded-v0"])
def test_an_environment_with_a_family_runs_and_ends_it_as_one_does(server: Server, id_: str) -> None:
    before = started_by(server)
    result = post(server, family(id_, rollouts=3))
    assert result["failures"] == []
    assert result["returns"] == [5.0] * 3
    assert started_by(server) == before


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT], ids=lambda one: one.name)
@pytest.mark.parametrize("apart", [False, True], ids=["in its group", "in a session of its own"])
def test_what_an_environment_started_ends_with_its_slot(
    server: Server, number: signal.Signals, apart: bool
) -> None:
    before = started_by(server)
    (failure,) = post(server, family("Subprocess-v0", die=int(number), apart=apart))["failures"]
    assert failure["message"] == f"the slot was killed by {number.name}"
    eventually(lambda: server.http.get("/readyz").is_success)
    assert not programs(server)
    assert post(server, family("Subprocess-v0"))["failures"] == []
    assert len(started_by(server)) == len(before)


@pytest.mark.parametrize(
    ("id_", "kwargs"), [("Subprocess-v0", {"apart": True}), ("Threaded-v0", {"lasting": True})]
)
def test_a_killed_worker_takes_everything_with_it(tmp_path: Path, id_: str, kwargs: dict[str, Any]) -> None:
    with worker(tmp_path) as server, ThreadPoolExecutor(1) as threads:
        body = family(id_, die=int(signal.SIGSTOP), **kwargs)  # the slot stops in the middle of an episode
        url = f"{server.url}/rollouts"
        running = threads.submit(httpx.post, url, json=body, timeout=PATIENCE, trust_env=False)
        eventually(lambda: id_ != "Subprocess-v0" or programs(server))
        assert len(started_by(server)) >= 2
        server.kill()
        eventually(lambda: not started_by(server))
        assert running.exception() is not None


@pytest.mark.parametrize("patient", ["the slot", "its warden"])
def test_a_killed_member_of_a_slot_leaves_nothing(tmp_path: Path, patient: str) -> None:
    with worker(tmp_path) as server, ThreadPoolExecutor(1) as threads:
        body = family("Subprocess-v0", die=int(signal.SIGSTOP))
        running = threads.submit(post, server, body)
        (program,) = eventually(lambda: programs(server))
        slot = int(Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[1])
        warden = int(Path(f"/proc/{slot}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(slot if patient == "the slot" else warden, signal.SIGKILL)
        (failure,) = running.result()["failures"]
        assert failure["message"] == "the slot was killed by SIGKILL"
        assert not programs(server)
        assert post(server, family("Subprocess-v0"))["failures"] == []
        server.stop()
        assert not started_by(server)

"""From start to end: admission, queueing, shutdown, and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import PATIENCE, ROOT, Server, eventually, free_port, refused_start, worker
from tests.units import faulty
from tests.worker.tree import children, nursery, runs, started_by, wardens

QUICK = faulty("none")

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def metric(server: Server, name: str) -> float:
    lines = server.http.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"seedcast_worker_{name} "))


def post(server: Server, body: object, timeout: float = PATIENCE) -> httpx.Response:
    return httpx.post(f"{server.url}/rollouts", json=body, timeout=timeout, trust_env=False)


def test_a_full_worker_sends_units_away_and_still_answers_for_its_health(
    server: Server, threads: ThreadPoolExecutor, let_go: Path
) -> None:
    running, waiting = occupy(server, threads, let_go)
    refused = post(server, QUICK)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert "0 free slots" in refused.json()["detail"]
    assert server.http.get("/livez").status_code == 200
    assert server.http.get("/readyz").status_code == 200
    let_go.touch()
    assert running.result().json()["returns"] == waiting.result().json()["returns"] == [10.0] * 4


@pytest.fixture
def let_go(tmp_path: Path) -> Iterator[Path]:
    """A file that is not there: held units run until it is."""
    path = tmp_path / "let_go"
    yield path
    path.touch()


def held(let_go: Path) -> dict[str, Any]:
    return faulty("held", file=let_go, rollout_timeout_seconds=600.0, max_episode_steps=1_000_000)


def hold(server: Server, threads: ThreadPoolExecutor, let_go: Path) -> Future[httpx.Response]:
    """Fill the worker's slot."""
    running = threads.submit(post, server, held(let_go))
    eventually(lambda: metric(server, "busy_slots") == 1)
    return running


def occupy(
    server: Server, threads: ThreadPoolExecutor, let_go: Path
) -> tuple[Future[httpx.Response], Future[httpx.Response]]:
    """Fill the worker's slot, and then its queue."""
    running = hold(server, threads, let_go)
    waiting = threads.submit(post, server, QUICK)
    eventually(lambda: metric(server, "queue") == 1)
    return running, waiting


def test_a_unit_whose_client_has_gone_is_dropped_from_the_queue(
    server: Server, threads: ThreadPoolExecutor, let_go: Path
) -> None:
    before = metric(server, "rollouts_total")
    running = hold(server, threads, let_go)
    with sent_by_one_who_goes(server, QUICK):
        eventually(lambda: metric(server, "queue") == 1)
    eventually(lambda: metric(server, "queue") == 0)
    assert metric(server, "busy_slots") == 1
    let_go.touch()
    running.result()
    assert metric(server, "rollouts_total") == before + 4


@contextmanager
def sent_by_one_who_goes(server: Server, body: dict[str, Any]) -> Iterator[None]:
    """Send a unit, and close the connection at the end of the block, whatever was answered."""
    content = json.dumps(body).encode()
    head = f"POST /rollouts HTTP/1.1\r\nHost: worker\r\nContent-Type: {JSON['Content-Type']}\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        yield


def test_a_slot_that_dies_idle_is_replaced_before_the_next_unit(server: Server) -> None:
    before = metric(server, "slot_restarts_total")
    (warden,) = wardens(server)
    (slot,) = children(warden)
    os.kill(warden, signal.SIGKILL)
    eventually(lambda: not runs(warden) and not runs(slot))
    assert post(server, QUICK).json()["returns"] == [10.0] * 4
    assert metric(server, "slot_restarts_total") == before + 1


def test_a_body_over_the_limit_is_refused_unread(server: Server) -> None:
    declared = server.http.post("/rollouts", content=b"x" * 100_001, headers=JSON)
    assert declared.status_code == 413
    assert "over the limit of 100000" in declared.json()["detail"]
    chunked = server.http.post("/rollouts", content=(b"x" * 20_000 for _ in range(6)), headers=JSON)
    assert chunked.status_code == 413


def test_sigterm_lets_running_units_finish_and_sends_waiting_ones_away(
    tmp_path: Path, threads: ThreadPoolExecutor, let_go: Path
) -> None:
    with worker(tmp_path, slots=1, SEEDCAST_WORKER_SHUTDOWN_SECONDS=str(3 * PATIENCE)) as server:
        running, waiting = occupy(server, threads, let_go)
        server.process.send_signal(signal.SIGTERM)
        assert waiting.result().status_code == 503
        assert "shutting down" in waiting.result().json()["detail"]
        let_go.touch()
        assert running.result().status_code == 200
        server.process.wait(PATIENCE)  # long before the time that it may take


def test_a_unit_that_outlasts_the_shutdown_is_not_waited_for(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    with worker(tmp_path, slots=1, SEEDCAST_WORKER_SHUTDOWN_SECONDS="1") as server:
        running = threads.submit(post, server, faulty("hang"))
        eventually(lambda: metric(server, "busy_slots") == 1)
        processes = [nursery(server), *wardens(server)]
        server.stop()
        assert not any(map(runs, processes))
        assert running.exception() is not None or running.result().status_code >= 500


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
def test_a_killed_worker_leaves_no_orphan(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    with worker(tmp_path, slots=2) as server:
        running = threads.submit(post, server, faulty("hang"))
        eventually(lambda: metric(server, "busy_slots") == 1)
        assert len(wardens(server)) == 2
        server.kill()
        eventually(lambda: not started_by(server))
        assert running.exception() is not None


def test_a_slot_that_cannot_start_makes_the_worker_unready_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "envpool.py").write_text("raise SystemExit(9)\n")
    port = free_port()
    settings = {"SEEDCAST_WORKER_PORT": str(port), "SEEDCAST_WORKER_SLOTS": "1", "PYTHONPATH": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "seedcast.services.worker"],
        env=os.environ | settings,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        detail = eventually(lambda: reason_not_ready(port, "does not start"))
        assert "exited with code 9" in detail
        assert httpx.get(f"http://127.0.0.1:{port}/livez", trust_env=False).status_code == 200
        refused = httpx.get(f"http://127.0.0.1:{port}/info", trust_env=False)
        assert refused.status_code == 503
    finally:
        process.terminate()
        process.wait(PATIENCE)


def reason_not_ready(port: int, part: str) -> str:
    try:
        response = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
    except httpx.HTTPError:
        return ""
    detail = str(response.json().get("detail", ""))
    return detail if part in detail else ""


def test_a_taken_port_is_one_line_and_exit_code_2(server: Server) -> None:
    done = refused_start("seedcast.services.worker", {"SEEDCAST_WORKER_PORT": str(server.port)})
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"seedcast-worker: cannot listen on 127.0.0.1:{server.port}: Address already in use"
    ]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SLOTS", "0", "greater than or equal to 1"),
        ("PORT", "http", "valid integer"),
        ("QUEUE", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(name: str, value: str, reason: str) -> None:
    done = refused_start("seedcast.services.worker", {f"SEEDCAST_WORKER_{name}": value})
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"seedcast-worker: SEEDCAST_WORKER_{name}: ")
    assert reason in line


def test_a_unit_whose_client_has_gone_leaves_its_slot_and_the_slot_lives_on(server: Server, let_go: Path) -> None:
    before = metric(server, "slot_restarts_total"), metric(server, "rollouts_total")
    with sent_by_one_who_goes(server, held(let_go)):
        eventually(lambda: metric(server, "busy_slots") == 1)
    eventually(lambda: metric(server, "busy_slots") == 0)
    assert (metric(server, "slot_restarts_total"), metric(server, "rollouts_total")) == before
    assert post(server, QUICK).json()["returns"] == [10.0] * 4


def test_a_slot_that_does_not_let_go_of_an_unwanted_unit_is_replaced(server: Server, tmp_path: Path) -> None:
    before = metric(server, "slot_restarts_total")
    hangs = tmp_path / "hangs"
    with sent_by_one_who_goes(server, faulty("hang", file=hangs, rollout_timeout_seconds=600.0)):
        eventually(hangs.exists)
    eventually(lambda: metric(server, "slot_restarts_total") == before + 1)
    assert post(server, QUICK).json()["returns"] == [10.0] * 4

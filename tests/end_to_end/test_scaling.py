"""1 → 4 → 1 workers under load: the new ones are used, nothing is lost, and the result is the same."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Server, digests, eventually, free_port, master, submit, wait_for_end, worker
from tests.specs import cartpole_values

SPEC = cartpole_values() | {
    "environment": {"id": "Patient-v0", "max_episode_steps": 50},
    "population_size": 64,
    "test": {"every": 100, "episodes": 5},
    "stop": {"generations": 1_000_000},
}


def patient(folder: Path, port: int | None = None) -> Server:
    """Start a worker that waits before each episode: a generation is long, and yet hardly any work."""
    return worker(folder, port, SEEDCAST_TEST_PATIENCE="0.01")


def rows(server: Server) -> dict[str, Any]:
    return {row["url"]: row for row in server.http.get("/workers").json()["workers"]}


@pytest.mark.slow
def test_scaling_up_and_down_under_load_changes_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(patient(tmp_path))
        ports = [free_port() for _ in range(3)]
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        server = stack.enter_context(master(tmp_path, [first.url, *urls], SEEDCAST_UNIT_SECONDS="0.05"))
        scaled = submit(server, SPEC)
        eventually(lambda: rows(server)[first.url]["units"] > 5)
        newcomers = [stack.enter_context(patient(tmp_path, port)) for port in ports]
        eventually(lambda: all(rows(server)[url]["units"] > 5 for url in urls))
        for newcomer in newcomers:
            newcomer.stop()
        eventually(lambda: all(rows(server)[url]["state"] == "gone" for url in urls))
        before = generation(server, scaled)
        eventually(lambda: generation(server, scaled) > before + 1)
        stopped = server.http.post(f"/experiments/{scaled}/stop")
        assert stopped.is_success, stopped.text
        assert wait_for_end(server, scaled)["status"] == "stopped"
        history = digests(server, scaled)
        first.stop()
        stack.enter_context(worker(tmp_path, first.port))
        calm = submit(server, SPEC | {"stop": {"generations": len(history)}})
        assert wait_for_end(server, calm)["status"] == "completed"
        assert digests(server, calm) == history
        rounds = server.http.get(f"/experiments/{scaled}/history").json()["generations"]
        assert sum(row["failed_members"] for row in rounds) == 0


def generation(server: Server, experiment: str) -> int:
    return int(server.http.get(f"/experiments/{experiment}").json()["generation"])

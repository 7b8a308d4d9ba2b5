"""A plan is held after a run, whether or not anybody asked while it ran."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.processes import eventually, master, submit, wait_for_end, worker
from tests.specs import cartpole_values


def test_a_plan_is_held_after_a_run_during_which_nobody_asked_for_it(tmp_path: Path) -> None:
    """The master samples its fleet all the time, and plans for that."""
    spec = cartpole_values() | {"population_size": 64, "stop": {"generations": 100_000}}
    with worker(tmp_path) as one, master(tmp_path, [one.url]) as server:
        run = submit(server, spec)

        def sampled() -> bool:
            samples: list[dict[str, Any]] = server.http.get("/workers/history").json()["samples"]
            return any(taken["desired"] == 32 for taken in samples)

        eventually(sampled)
        server.http.post(f"/experiments/{run}/stop")
        wait_for_end(server, run)
        plan = server.http.get("/autoscale").json()
    assert plan["desired_workers"] == 64 * 2 // 4
    assert plan["reason"].startswith("held for up to 120 s: 128 rollouts a generation")

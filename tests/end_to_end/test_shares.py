"""An experiment's share decides when its work is done, and nothing about the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.processes import Server, eventually, master, submit, wait_for_end, worker
from tests.specs import cartpole_values


def shares_in_use(server: Server, experiment: str) -> set[float]:
    """Return the shares of an experiment's jobs, as the scheduler was told them."""
    events = server.http.get("/debug/events").json()["events"]
    jobs = [one["fields"] for one in events if one["event"] == "JobAdded"]
    return {job["share"] for job in jobs if job["experiment"] == experiment}


def digests(server: Server, experiment: str) -> list[Any]:
    page = server.http.get(f"/experiments/{experiment}/generations").json()
    return [one["parameters_sha256"] for one in page["generations"]]


def test_shares_reach_the_scheduler_also_when_changed_and_leave_the_bits_alone(tmp_path: Path) -> None:
    values = cartpole_values() | {"stop": {"generations": 12}}
    with worker(tmp_path, slots=2) as one, master(tmp_path, [one.url]) as server:
        weighted = submit(server, values | {"share": 3})
        wait_for_end(server, weighted)
        assert shares_in_use(server, weighted) == {3.0}
        changing = submit(server, values | {"stop": {"generations": 1_000_000}})
        eventually(lambda: 1.0 in shares_in_use(server, changing))
        server.http.patch(f"/experiments/{changing}", json={"share": 5}).raise_for_status()
        eventually(lambda: 5.0 in shares_in_use(server, changing))
        eventually(lambda: len(digests(server, changing)) >= 12)
        server.http.post(f"/experiments/{changing}/stop").raise_for_status()
        assert len(digests(server, weighted)) == 12
        assert digests(server, changing)[:12] == digests(server, weighted)

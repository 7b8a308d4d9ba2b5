"""Machines of two kinds: `determinism: strict` keeps to the first, `relaxed` uses both and says so."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.processes import (
    Server,
    digests,
    eventually,
    free_port,
    master,
    submit,
    wait_for_end,
    wait_for_generation,
    worker,
)
from tests.specs import cartpole_values

ENDLESS = cartpole_values() | {"stop": {"generations": 1_000_000}}


def rows(server: Server) -> dict[str, dict[str, Any]]:
    """Return the workers by address."""
    return {row["url"]: row for row in server.http.get("/workers").json()["workers"]}


def show(server: Server, experiment: str) -> dict[str, Any]:
    """Return an experiment."""
    found: dict[str, Any] = server.http.get(f"/experiments/{experiment}").json()
    return found


def test_a_strict_experiment_keeps_to_the_machines_it_began_on_and_waits_for_them(tmp_path: Path) -> None:
    with ExitStack() as stack:
        ports = [free_port(), free_port()]
        old, new = (f"http://127.0.0.1:{port}" for port in ports)
        first = stack.enter_context(worker(tmp_path, ports[0], SEEDCAST_WORKER_FINGERPRINT="old"))
        server = stack.enter_context(master(tmp_path, [old, new]))
        experiment = submit(server, ENDLESS)
        wait_for_generation(server, experiment, 1)
        stack.enter_context(worker(tmp_path, ports[1], slots=2, SEEDCAST_WORKER_FINGERPRINT="new"))
        eventually(lambda: rows(server)[new]["state"] == "ready")
        assert rows(server)[new]["not_used_by"] == [experiment]
        assert rows(server)[old]["not_used_by"] == []
        wait_for_generation(server, experiment, show(server, experiment)["generation"] + 2)
        assert rows(server)[new]["units"] == 0

        first.kill()
        waiting = eventually(
            lambda: (seen := show(server, experiment))["status"] == "waiting for workers" and seen
        )
        assert "fingerprint old" in waiting["reason"]
        assert "have new" in waiting["reason"]
        server.stop()
        again = stack.enter_context(master(tmp_path, [old, new]))  # it is bound for good
        eventually(lambda: rows(again)[new]["state"] == "ready")
        eventually(lambda: "fingerprint old" in show(again, experiment)["reason"])

        stack.enter_context(worker(tmp_path, ports[0], SEEDCAST_WORKER_FINGERPRINT="old"))
        wait_for_generation(again, experiment, waiting["generation"] + 2)
        assert rows(again)[new]["units"] == 0
        seen = show(again, experiment)
        assert (seen["fingerprints"], seen["mixed_fingerprints"]) == (["old"], False)
        assert again.http.post(f"/experiments/{experiment}/stop").is_success


def test_a_strict_experiment_whose_machines_are_gone_goes_on_once_it_is_relaxed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(worker(tmp_path, SEEDCAST_WORKER_FINGERPRINT="old"))
        second = stack.enter_context(worker(tmp_path, SEEDCAST_WORKER_FINGERPRINT="new"))
        server = stack.enter_context(master(tmp_path, [first.url, second.url]))
        eventually(lambda: all(row["state"] == "ready" for row in rows(server).values()))
        experiment = submit(server, ENDLESS)
        wait_for_generation(server, experiment, 1)
        kind = show(server, experiment)["fingerprints"][0]
        (first if kind == "old" else second).kill()
        eventually(lambda: f"fingerprint {kind}" in show(server, experiment)["reason"])
        path, relaxed = f"/experiments/{experiment}", {"determinism": "relaxed"}
        refused = server.http.patch(path, json=relaxed)
        assert (refused.status_code, "pause it" in refused.text) == (409, True)
        assert server.http.post(f"{path}/pause").is_success
        assert server.http.patch(path, json={"determinism": "strict"}).status_code == 422
        assert server.http.patch(path, json=relaxed).json()["spec"]["determinism"] == "relaxed"
        before = show(server, experiment)["generation"]
        assert server.http.post(f"{path}/resume").is_success
        wait_for_generation(server, experiment, before + 2)
        seen = show(server, experiment)
        assert (sorted(seen["fingerprints"]), seen["mixed_fingerprints"]) == (["new", "old"], True)
        assert server.http.post(f"{path}/stop").is_success


def test_a_relaxed_experiment_uses_all_machines_and_is_labelled_as_mixed(tmp_path: Path) -> None:
    spec = cartpole_values() | {"determinism": "relaxed", "population_size": 64}
    with ExitStack() as stack:
        both = [stack.enter_context(worker(tmp_path, SEEDCAST_WORKER_FINGERPRINT=name)) for name in ("a", "b")]
        server = stack.enter_context(master(tmp_path, [one.url for one in both]))
        eventually(lambda: all(row["state"] == "ready" for row in rows(server).values()))
        mixed = submit(server, spec)
        seen = wait_for_end(server, mixed)
        assert (seen["fingerprints"], seen["mixed_fingerprints"]) == (["a", "b"], True)
        history = server.http.get(f"/experiments/{mixed}/history").json()["generations"]
        assert {name for row in history for name in row["fingerprints"]} == {"a", "b"}

        strict = submit(server, spec | {"determinism": "strict"})
        seen = wait_for_end(server, strict)
        assert len(seen["fingerprints"]) == 1
        assert not seen["mixed_fingerprints"]
        assert digests(server, strict) == digests(server, mixed)  # the machines are one in fact

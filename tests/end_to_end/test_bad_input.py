"""Whatever is wrong, the answer names it, and nothing hangs or is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.processes import Server, eventually, free_port, master, submit, wait_for_end, worker
from tests.specs import cartpole_values

REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("unknown environment", {"environment": {"id": "CartPole-v9"}}, "environment.id", "CartPole-v1"),
    (
        "kwargs the environment does not take",
        {"environment": {"id": "CartPole-v1", "engine": "gymnasium", "kwargs": {"gravity": 3}}},
        "environment.kwargs",
        "gravity",
    ),
    (
        "continuous-only option on discrete actions",
        {"policy": {"name": "mlp", "actions": "tanh"}},
        "policy.actions",
        "2 discrete actions",
    ),
    ("unknown field", {"popsize": 3}, "popsize", "not permitted"),
    ("negative size", {"population_size": -2}, "population_size", "greater than or equal to 2"),
    ("unknown strategy", {"strategy": {"name": "sgd"}}, "strategy", "pgpe"),
]


@pytest.mark.parametrize(
    ("changes", "field", "reason"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_a_wrong_experiment_is_refused_as_a_problem_with_the_field(
    cluster: Server, changes: dict[str, Any], field: str, reason: str
) -> None:
    before = len(cluster.http.get("/experiments").json()["experiments"])
    response = cluster.http.post("/experiments", json=cartpole_values() | changes)
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert reason in error["reason"]
    assert len(cluster.http.get("/experiments").json()["experiments"]) == before


def faulty(mode: str, **environment: Any) -> dict[str, Any]:
    changes = {"id": "Faulty-v0", "kwargs": {"mode": mode}} | environment
    return cartpole_values() | {"environment": changes, "population_size": 4, "stop": {"generations": 2}}


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("raise", "exception: RuntimeError: the simulation blew up"),
        ("nan", "invalid: the reward is nan at step 3"),
        ("segfault", "crash: "),
        ("hang", "timeout: "),
    ],
)
def test_an_environment_that_always_fails_ends_the_experiment_with_its_message(
    cluster: Server, mode: str, message: str
) -> None:
    experiment = wait_for_end(cluster, submit(cluster, faulty(mode, rollout_timeout_seconds=0.5)))
    assert experiment["status"] == "failed"
    assert message in experiment["reason"]
    sound = wait_for_end(cluster, submit(cluster, cartpole_values() | {"stop": {"generations": 1}}))
    assert sound["status"] == "completed"


def test_an_environment_that_never_ends_is_cut_off_at_the_limit(cluster: Server) -> None:
    experiment_id = submit(cluster, faulty("endless", max_episode_steps=50))
    assert wait_for_end(cluster, experiment_id)["status"] == "completed"
    history = cluster.http.get(f"/experiments/{experiment_id}/history").json()["generations"]
    assert [row["mean_length"] for row in history] == [50, 50]


def test_a_failing_episode_costs_its_member_and_not_the_run(cluster: Server) -> None:
    some = faulty("raise")
    some["environment"]["kwargs"]["every"] = 5  # about one episode in five
    some |= {"population_size": 16, "test": {"every": 100, "episodes": 1}, "seed": 2}
    experiment_id = submit(cluster, some)
    wait_for_end(cluster, experiment_id)
    history = cluster.http.get(f"/experiments/{experiment_id}/history").json()["generations"]
    assert all(0 < row["failed_members"] < 16 for row in history)
    assert all(row["retried_rollouts"] > 0 for row in history)


def test_without_workers_an_experiment_waits_says_so_and_goes_on_when_one_comes(tmp_path: Path) -> None:
    port = free_port()
    with master(tmp_path, [f"http://127.0.0.1:{port}"]) as server:
        experiment_id = submit(server, cartpole_values())
        path = f"/experiments/{experiment_id}"
        eventually(lambda: server.http.get(path).json()["status"] == "waiting for workers")
        assert server.http.get(path).json()["reason"] == "no worker answers"
        with worker(tmp_path, port):
            assert wait_for_end(server, experiment_id)["status"] == "completed"


def test_an_unknown_environment_submitted_without_workers_fails_when_one_comes(tmp_path: Path) -> None:
    port = free_port()
    with master(tmp_path, [f"http://127.0.0.1:{port}"]) as server:
        experiment_id = submit(server, cartpole_values() | {"environment": {"id": "Nowhere-v0"}})
        with worker(tmp_path, port):
            experiment = wait_for_end(server, experiment_id)
    assert experiment["status"] == "failed"
    assert "environment.id" in experiment["reason"]


def test_bodies_that_are_no_specification_are_refused(cluster: Server) -> None:
    for content in (b"", b"\xff\xfe", b"[1, 2]", b"a: [", b"{" * 5000):
        response = cluster.http.post("/experiments", content=content)
        assert response.status_code == 422, content
        assert response.headers["Content-Type"] == "application/problem+json"
    assert cluster.http.post("/experiments", content=b" " * 2_000_000).status_code == 413

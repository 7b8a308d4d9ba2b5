"""Whatever is wrong, the answer names it, and nothing hangs or is lost."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI

from seedcast.services.master.experiments import body as request_body
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.parse import parse_spec
from tests.processes import Server, eventually, free_port, master, submit, wait_for_end, worker
from tests.specs import cartpole_values

YAML = {"Content-Type": "application/yaml"}
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
    small = {"population_size": 2, "episodes_per_member": 1, "stop": {"generations": 2}}
    return cartpole_values() | {"environment": changes} | small


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("raise", "exception: RuntimeError: the simulation blew up"),
        ("nan", "invalid: the reward is nan at step 3"),
        pytest.param("segfault", "crash: ", marks=pytest.mark.slow),
        pytest.param("hang", "timeout: ", marks=pytest.mark.slow),
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
    some |= {"population_size": 16, "episodes_per_member": 2, "test": {"every": 100, "episodes": 1}, "seed": 2}
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
        response = cluster.http.post("/experiments", content=content, headers=YAML)
        assert response.status_code == 422, content
        assert response.headers["Content-Type"] == "application/problem+json"
    assert cluster.http.post("/experiments", content=b" " * 2_000_000, headers=YAML).status_code == 413


def body_with(changes: dict[str, Any]) -> bytes:
    return json.dumps(cartpole_values() | changes).encode()


def yaml_with(line: str) -> bytes:
    key = line.partition(":")[0]
    values = {name: value for name, value in cartpole_values().items() if name != key}
    return f"{yaml.safe_dump(values)}\n{line}\n".encode()


def kwargs_with(value: str) -> bytes:
    values = cartpole_values() | {"environment": {"id": "CartPole-v1", "kwargs": {"x": "VALUE"}}}
    return yaml.safe_dump(values).replace("VALUE", value).encode()


HOSTILE: list[tuple[str, bytes, int, str]] = [
    ("huge number", yaml_with("population_size: 0x" + "f" * 5000), 422, "population_size"),
    ("huge number as a key", yaml_with("0x" + "f" * 5000 + ": 1"), 422, ""),
    ("huge number in kwargs", kwargs_with("0x" + "f" * 5000), 422, "environment.kwargs"),
    ("deep kwargs", kwargs_with("[" * 300 + "]" * 300), 422, "environment.kwargs"),
    ("infinite kwargs", kwargs_with(".inf"), 422, "environment.kwargs.x"),
    ("large kwargs", kwargs_with("x" * 20_000), 422, "environment.kwargs"),
    ("deep JSON", b'{"a":' * 10_000, 422, "body"),
    ("lone surrogate", body_with({"tags": {"mood": "\ud83d"}}), 422, "tags.mood"),
    ("lone surrogate as a key", body_with({"\ud83d": 1}), 422, "body"),
    ("lone surrogate in YAML", yaml_with('warm_start: "\\ud83d"'), 422, "warm_start"),
    ("NUL in a path", body_with({"warm_start": "a\0b"}), 422, "warm_start"),
    ("path too long for the disk", body_with({"warm_start": "a" * 400}), 422, "warm_start"),
    ("long value", body_with({"seed": "x" * 60_000}), 422, "seed"),
    ("long tag of a union", body_with({"strategy": {"name": "x" * 60_000}}), 422, "strategy"),
    ("bool tag", yaml_with('tags: {a: !!bool "x"}'), 422, "body"),
    ("timestamp tag", yaml_with('tags: {a: !!timestamp "x"}'), 422, "body"),
    ("int tag", yaml_with('tags: {a: !!int ""}'), 422, "body"),
    ("aliases", b"a: &a [1]\nb: [*a, *a]", 422, "body"),
    ("too large", b"#" * 65_537, 413, ""),
]


@pytest.mark.parametrize(
    ("body", "status", "field"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
def test_a_hostile_body_is_refused_as_a_short_problem(
    cluster: Server, body: bytes, status: int, field: str
) -> None:
    before = len(cluster.http.get("/experiments").json()["experiments"])
    response = cluster.http.post("/experiments", content=body, headers=YAML)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    assert len(response.content) < 20_000
    if field:
        assert response.json()["errors"][0]["field"] == field
    assert len(cluster.http.get("/experiments").json()["experiments"]) == before


def test_an_experiment_that_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    port = free_port()
    endless = cartpole_values() | {"stop": {"generations": 3}}
    with master(tmp_path, [f"http://127.0.0.1:{port}"]) as server:
        damaged, orphaned, sound = (submit(server, endless) for _ in range(3))
    uninstalled = json.dumps(endless | {"strategy": {"name": "gone"}})
    specs = [('{"name": "cartpole"', damaged), (uninstalled, orphaned)]
    with closing(sqlite3.connect(tmp_path / "data" / "database" / "seedcast.db")) as database, database:
        database.executemany("UPDATE experiments SET spec = ? WHERE id = ?", specs)
    with master(tmp_path, [f"http://127.0.0.1:{port}"]) as server, worker(tmp_path, port):
        listed = server.http.get("/experiments")
        assert [row["id"] for row in listed.json()["experiments"]] == [sound, orphaned]
        for broken in (damaged, orphaned):
            answer = server.http.get(f"/experiments/{broken}")
            assert answer.status_code == 409
            assert "cannot be read" in answer.json()["detail"]
            for path in ("generations", "evaluations", "artifacts"):  # what there is of it can still be had
                assert server.http.get(f"/experiments/{broken}/{path}").status_code == 200
        assert wait_for_end(server, sound)["status"] == "completed"
    with closing(sqlite3.connect(tmp_path / "data" / "database" / "seedcast.db")) as database:
        rows = database.execute("SELECT id, status, reason FROM experiments").fetchall()
    found = {experiment_id: (status, reason) for experiment_id, status, reason in rows}
    for broken, why in ((damaged, "JSON"), (orphaned, "'gone'")):
        status, reason = found[broken]
        assert status == "failed"
        assert why in reason


def test_a_body_is_read_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[str, int] = {}
    app = FastAPI()

    def parse(body: bytes, only_json: bool) -> ExperimentSpec:
        threads["parser"] = threading.get_ident()
        return parse_spec(body, only_json)

    @app.post("/")
    async def endpoint(spec: request_body.SpecBody) -> str:
        threads["loop"] = threading.get_ident()
        return spec.name

    async def post() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://master") as http:
            return str((await http.post("/", json=cartpole_values())).json())

    monkeypatch.setattr(request_body, "parse_spec", parse)
    assert asyncio.run(post()) == "cartpole"
    assert threads["parser"] != threads["loop"]


LOTTERY = {"environment": {"id": "Lottery-v0"}, "policy": {"name": "linear"}, "stop": {"generations": 1}}


def test_an_environment_that_does_not_follow_its_seed_is_refused_unless_results_may_vary(cluster: Server) -> None:
    spec = cartpole_values() | LOTTERY
    refused = cluster.http.post("/experiments", json=spec)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["field"] == "environment.id"
    assert "does not follow its seed: the observations of two episodes" in error["reason"]
    assert "determinism: relaxed" in error["reason"]
    experiment = wait_for_end(cluster, submit(cluster, spec | {"determinism": "relaxed"}))
    assert experiment["status"] == "completed"
    assert "differ at its start" in experiment["description"]["seed_fault"]

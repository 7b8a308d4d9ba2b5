"""The worker in JavaScript, beside Python's: the published protocol is enough to write one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.forge import run
from tests.processes import (
    PATIENCE,
    ROOT,
    Server,
    digests,
    eventually,
    free_port,
    master,
    submit,
    wait_for_end,
    worker,
)

EXAMPLE = ROOT / "examples" / "worker_javascript"
NODE = shutil.which("node")


def has_node() -> bool:
    """Whether there is a Node with zlib's crc32 (20.15)."""
    script = "process.exit(require('node:zlib').crc32 ? 0 : 1)"
    return NODE is not None and subprocess.run([NODE, "-e", script], check=False).returncode == 0


pytestmark = pytest.mark.skipif(not has_node(), reason="there is no Node from 20.15 on")

TANG: dict[str, Any] = {
    "name": "tang",
    "objective": {"id": "styblinski_tang", "kwargs": {"dimension": 30}},
    "strategy": {"name": "pgpe", "sigma_init": 1.0},
    "population_size": 40,
    "stop": {"generations": 30},
    "test": {"every": 10},
}


def in_javascript(folder: Path, code: Path = EXAMPLE, **settings: str) -> Server:
    """Start one."""
    port = free_port()
    log = folder / f"javascript-{port}.log"
    values = {"SEEDCAST_WORKER_PORT": str(port)} | settings
    return Server("", values, port, log, command=[str(NODE), str(code / "worker.js")])


def checked(url: str, *options: str) -> tuple[int, dict[str, str]]:
    """Return the exit code of `seedcast check-worker`, and the outcome of each clause."""
    done = run(["seedcast.cli.entry:main", "check-worker", url, "--json", *options], os.environ, PATIENCE)
    clauses = json.loads(done.stdout)["clauses"] if done.stdout else []
    return done.returncode, {clause["clause"]: clause["outcome"] for clause in clauses}


def units(server: Server) -> dict[str, int]:
    """Return the units that each worker has answered."""
    return {row["url"]: row["units"] for row in server.http.get("/workers").json()["workers"]}


def wait_for_workers(server: Server, count: int) -> None:
    eventually(
        lambda: [row["state"] for row in server.http.get("/workers").json()["workers"]] == ["ready"] * count
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Python worker that has the same function."""
    with worker(tmp_path_factory.mktemp("python")) as server:
        yield server


def test_both_keep_the_protocol(python: Server, tmp_path: Path) -> None:
    with in_javascript(tmp_path) as javascript:
        code, clauses = checked(javascript.url)
    assert code == 0
    not_asked = {name for name, outcome in clauses.items() if outcome == "not asked"}
    assert not_asked == {"makes-members-of-keys", "refuses-other-noise"}
    code, clauses = checked(python.url, "--objective", "styblinski_tang")
    assert code == 0
    not_asked = {name for name, outcome in clauses.items() if outcome == "not asked"}
    assert not_asked == {"refuses-rollouts-without-environments"}


def test_a_worker_whose_values_depend_on_what_came_before_breaks_a_clause(tmp_path: Path) -> None:
    code = tmp_path / "impure"
    shutil.copytree(EXAMPLE, code)
    objectives = code / "objectives.js"
    text = objectives.read_text()
    assert "let sum = 0;" in text
    objectives.write_text("let before = 0;\n" + text.replace("let sum = 0;", "let sum = before++;"))
    with in_javascript(tmp_path, code) as javascript:
        exit_code, clauses = checked(javascript.url)
    broken = {name for name, outcome in clauses.items() if outcome == "broken"}
    assert (exit_code, broken) == (1, {"computes-json", "is-pure", "splits-among-slots"})


def test_nobody_at_an_address_is_no_broken_clause() -> None:
    assert checked(f"http://127.0.0.1:{free_port()}") == (2, {})


def test_beside_python_workers_it_gives_the_same_bits(python: Server, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    with master(tmp_path / "alone", [python.url]) as server:
        experiment_id = submit(server, TANG)
        alone = wait_for_end(server, experiment_id)
        expected = digests(server, experiment_id)
    fingerprint = python.http.get("/info").json()["fingerprint"]
    with (
        in_javascript(tmp_path, SEEDCAST_WORKER_FINGERPRINT=fingerprint) as javascript,
        master(tmp_path, [python.url, javascript.url]) as server,
    ):
        wait_for_workers(server, 2)
        experiment_id = submit(server, TANG)
        beside = wait_for_end(server, experiment_id)
        assert digests(server, experiment_id) == expected
        assert all(units(server).values()), units(server)
    assert len(expected) == 30
    assert (alone["status"], beside["status"]) == ("completed", "completed")
    assert beside["best_test_return"] == alone["best_test_return"]


def test_a_job_goes_only_to_workers_that_have_its_objective_or_environments(tmp_path: Path) -> None:
    plain = {"PYTHONPATH": str(ROOT)}  # without the test's objectives
    with (
        worker(tmp_path, None, 1, **plain) as python,
        in_javascript(tmp_path) as javascript,
        master(tmp_path, [python.url, javascript.url]) as server,
    ):
        wait_for_workers(server, 2)
        sphere = {"objective": {"id": "sphere", "kwargs": {"dimension": 30}}}
        cart_pole = {"environment": {"id": "CartPole-v1"}, "policy": {"name": "linear"}, "objective": None}
        for changes, has in ((TANG, javascript), (sphere, python), (cart_pole, python)):
            before = units(server)
            fleet = {"determinism": "relaxed", "stop": {"generations": 3}}
            spec = {name: value for name, value in (TANG | changes | fleet).items() if value is not None}
            ended = wait_for_end(server, submit(server, spec))
            assert ended["status"] == "completed", ended["reason"]
            grown = {url for url, count in units(server).items() if count > before[url]}
            assert grown == {has.url}


def test_what_no_worker_of_a_fleet_has_is_refused_by_name(tmp_path: Path) -> None:
    with in_javascript(tmp_path) as javascript, master(tmp_path, [javascript.url]) as server:
        wait_for_workers(server, 1)
        environment = {"environment": {"id": "CartPole-v1"}, "policy": {"name": "linear"}}
        sphere = {"objective": {"id": "sphere"}}
        for task, field in ((environment, "environment.id"), (sphere, "objective.id")):
            spec = {name: value for name, value in TANG.items() if name != "objective"} | task
            refused = server.http.post("/experiments", json=spec)
            assert refused.status_code == 422
            assert [error["field"] for error in refused.json()["errors"]] == [field]
        assert server.http.get("/environments").json()["environments"] == []


def test_its_frames_are_the_published_ones() -> None:
    done = subprocess.run([str(NODE), "--test"], cwd=EXAMPLE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "pass 6" in done.stdout

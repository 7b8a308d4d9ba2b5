"""Studies through real services: over seeds, with halving, through kills, and stopped."""

from __future__ import annotations

import csv
import io
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import Server, digests, eventually, master, worker
from tests.specs import cartpole_values

SPECIFICATION = cartpole_values() | {"test": {"every": 5, "episodes": 4}, "stop": {"generations": 1000}}
SPEC: dict[str, Any] = {
    "name": "radius",
    "specification": SPECIFICATION,
    "axes": [{"field": "strategy.radius", "values": [0.5, 2]}],
    "seeds": 2,
    "budget": {"environment_steps": 6000, "runs_at_once": 2},
    "halving": {"first_environment_steps": 2000, "keep": 0.5},
}


def begin(server: Server, spec: dict[str, Any]) -> str:
    answer = server.http.post("/studies", json=spec)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def report(server: Server, study: str) -> dict[str, Any]:
    answer = server.http.get(f"/studies/{study}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(server: Server, study: str) -> dict[str, Any]:
    eventually(lambda: report(server, study)["study"]["status"] != "active")
    return report(server, study)


def experiments(found: dict[str, Any]) -> dict[tuple[int, int], str]:
    return {
        (trial["trial"], run["seed"]): run["experiment_id"] for trial in found["trials"] for run in trial["runs"]
    }


@pytest.mark.slow
def test_a_study_with_halving_comes_to_the_same_through_kills_of_the_master(tmp_path: Path) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(tmp_path)).url]
        running = stack.enter_context(master(tmp_path, urls))
        calm = ended(running, begin(running, SPEC))
        killed = begin(running, SPEC)
        for runs in (1, 3, 4):
            eventually_runs(running, killed, runs)
            running.kill()
            running = stack.enter_context(master(tmp_path, urls))
        found = ended(running, killed)
        assert found["study"]["status"] == "completed"
        assert found["study"]["core_hours"] > 0
        one, other = experiments(calm), experiments(found)
        assert set(one) == set(other) == {(0, 0), (0, 1), (1, 0), (1, 1)}
        for key in one:
            assert digests(running, one[key]) == digests(running, other[key]), (key, calm, found)
        steps = {trial["trial"]: [run["environment_steps"] for run in trial["runs"]] for trial in found["trials"]}
        kept = found["trials"][0]["trial"]
        assert min(steps[kept]) >= 6000
        assert 2000 <= max(steps[1 - kept]) < 6000
        check_what_it_tells(running, killed, found)


def eventually_runs(server: Server, study: str, runs: int) -> None:
    eventually(lambda: report(server, study)["study"]["runs"] >= runs)


def check_what_it_tells(server: Server, study: str, found: dict[str, Any]) -> None:
    best = found["trials"][0]
    assert best["score"]["low"] <= best["score"]["mean"] <= best["score"]["high"]
    ended_early = found["trials"][1]
    assert ended_early["runs"][0]["environment_steps"] < best["runs"][0]["environment_steps"]
    assert found["comparisons"] == [], "scores after different numbers of steps are no comparison"
    curves = server.http.get(f"/studies/{study}/curves", params={"against": "core_seconds"}).json()["curves"]
    assert {curve["trial"] for curve in curves} <= {0, 1}
    assert all(len(curve["x"]) == len(curve["mean"]) == len(curve["high"]) for curve in curves)
    rows = list(csv.DictReader(io.StringIO(server.http.get(f"/studies/{study}/runs.csv").text)))
    assert [(row["trial"], row["seed"], row["strategy.radius"]) for row in rows] == [
        ("0", "0", "0.5"),
        ("0", "1", "0.5"),
        ("1", "0", "2"),
        ("1", "1", "2"),
    ]


def test_a_study_is_stopped_with_its_runs_and_deleted_with_or_without_them(cluster: Server) -> None:
    long = SPEC | {"budget": {"environment_steps": 10**9, "runs_at_once": 2}, "halving": None}
    text = yaml.safe_dump(long)
    answer = cluster.http.post("/studies", content=text, headers={"Content-Type": "application/yaml"})
    study = answer.json()["id"]
    eventually_runs(cluster, study, 2)
    assert cluster.http.delete(f"/studies/{study}").status_code == 409
    assert cluster.http.post(f"/studies/{study}/stop").json()["status"] == "stopped"
    assert cluster.http.post(f"/studies/{study}/stop").status_code == 409
    ids = [one for one in experiments(report(cluster, study)).values() if one]
    assert {cluster.http.get(f"/experiments/{one}").json()["status"] for one in ids} == {"stopped"}
    assert cluster.http.delete(f"/studies/{study}", params={"runs": True}).status_code == 204
    assert cluster.http.get(f"/studies/{study}").status_code == 404
    assert {cluster.http.get(f"/experiments/{one}").status_code for one in ids} == {404}


def test_a_trial_that_breaks_a_rule_is_refused_before_anything_starts(cluster: Server) -> None:
    before = study_ids(cluster)
    odd = SPEC | {"axes": [{"field": "population_size", "values": [16, 7]}]}
    answer = cluster.http.post("/studies", json=odd)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "specification.population_size"
    assert study_ids(cluster) == before


def study_ids(server: Server) -> list[str]:
    return [study["id"] for study in server.http.get("/studies").json()["studies"]]

"""A curriculum through real services: stages that end each in their way, confirmed tests, and kills in between."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_experiments import run
from tests.end_to_end.test_retraining import rows
from tests.processes import Server, digests, eventually, master, submit, wait_for_end, worker
from tests.specs import cartpole_values

SPEC: dict[str, Any] = cartpole_values() | {
    "environment": {"id": "CartPole-v1", "max_episode_steps": 200},
    "curriculum": [
        {
            "until": {"generations": 2},
            "environment": {"id": "CartPole-v0", "engine": "gymnasium"},
            "fitness": {"episode_cap": {"minimum": 20}},
        },
        {"until": {"environment_steps": 2000}, "episodes_per_member": 1, "population_size": 32},
        {"until": {"test_return": 9}, "strategy": {"fitness_shaping": "z_score"}},
    ],
    "test": {"every": 2, "episodes": 4, "confirm_episodes": 8},
    "stop": {"generations": 14},
}


def wait_for_generation(server: Server, experiment_id: str, generation: int) -> None:
    eventually(lambda: len(rows(server, experiment_id, "generations")) >= generation)


@pytest.mark.slow
def test_a_curriculum_goes_through_its_stages_alike_through_every_kill(tmp_path: Path) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(tmp_path)).url]
        running = stack.enter_context(master(tmp_path, urls))
        calm = submit(running, SPEC)
        assert wait_for_end(running, calm)["status"] == "completed"
        generations, tests = rows(running, calm, "generations"), rows(running, calm, "tests")
        assert [row["stage"] for row in generations[:3]] == [0, 0, 1]
        assert {row["stage"] for row in generations} == {0, 1, 2, 3}
        assert [row["population_size"] for row in generations[1:3]] == [16, 32]
        assert tests[0]["screening"] is not None
        assert {test["episodes"] for test in tests} <= {4, 8}
        killed = submit(running, SPEC)
        for generation in (2, 3, 6, 9):
            wait_for_generation(running, killed, generation)
            running.kill()
            running = stack.enter_context(master(tmp_path, urls))
        assert wait_for_end(running, killed)["generation"] == 14
        assert digests(running, killed) == digests(running, calm)
        assert rows(running, killed, "generations") == generations
        assert rows(running, killed, "tests") == tests


def test_a_stage_in_an_environment_with_other_observations_is_refused(cluster: Server) -> None:
    other = {"until": {"generations": 2}, "environment": {"id": "Acrobot-v1"}}
    answer = cluster.http.post("/experiments", json=SPEC | {"curriculum": [other]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "curriculum.0.environment"


@pytest.mark.parametrize(
    ("environment", "field", "reason"),
    [
        ({"id": "CartPole-v7"}, "id", "is not an environment of envpool; did you mean"),
        ({"kwargs": {"gravity": 20}, "engine": "pybullet"}, "engine", "has no CartPole-v1, which envpool has"),
    ],
)
def test_what_a_worker_refuses_of_a_stage_is_said_of_the_stage(
    cluster: Server, environment: dict[str, Any], field: str, reason: str
) -> None:
    stage = {"until": {"generations": 2}, "environment": environment}
    answer = cluster.http.post("/experiments", json=SPEC | {"curriculum": [stage]})
    assert answer.status_code == 422
    error = answer.json()["errors"][0]
    assert error["field"] == f"curriculum.0.environment.{field}"
    assert error["reason"].startswith(reason)


def test_stages_to_come_are_others_and_the_run_is_that_of_the_new_specification(
    cluster: Server, tmp_path: Path
) -> None:
    first = SPEC | {"name": "restaged", "stop": {"generations": 1_000_000}}
    restaged = submit(cluster, first | {"curriculum": [SPEC["curriculum"][0]]})
    wait_for_generation(cluster, restaged, 3)
    path = f"/experiments/{restaged}"
    own = {"until": {"environment_steps": 10}}
    refused = cluster.http.patch(path, json={"curriculum": [SPEC["curriculum"][0], own]})
    assert (refused.status_code, "pause it" in refused.json()["detail"]) == (409, True)
    assert cluster.http.post(f"{path}/pause").is_success
    generation = cluster.http.get(path).json()["generation"]
    refused = cluster.http.patch(path, json={"curriculum": [SPEC["curriculum"][0], own]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "curriculum.1.until.environment_steps"
    unknown = {"until": {"generations": generation + 3}, "environment": {"id": "CartPole-v7"}}
    stages = [SPEC["curriculum"][0], {"until": {"generations": generation + 1}}, unknown]
    refused = cluster.http.patch(path, json={"curriculum": stages})
    assert refused.json()["errors"][0]["field"] == "curriculum.2.environment.id"
    stages[2] = unknown | {"environment": {}, "population_size": 32, "strategy": {"fitness_shaping": "z_score"}}
    file = tmp_path / "restaged.json"
    file.write_text(json.dumps(first | {"curriculum": stages}))
    stop = f"stop.generations={generation + 5}"
    done = run(cluster, "edit", restaged, "--curriculum", file, "-o", stop)
    assert done.returncode == 0, done.stderr
    assert cluster.http.post(f"{path}/resume").is_success
    wait_for_end(cluster, restaged)
    spec = cluster.http.get(path).json()["spec"]
    again = submit(cluster, spec)
    wait_for_end(cluster, again)
    assert digests(cluster, again) == digests(cluster, restaged)
    generations = rows(cluster, restaged, "generations")
    assert [row["stage"] for row in generations[-5:]] == [1, 2, 2, 3, 3]
    assert [row["population_size"] for row in generations[-5:]] == [16, 32, 32, 16, 16]


def test_stages_that_no_worker_can_look_at_now_are_not_taken(tmp_path: Path) -> None:
    with ExitStack() as stack:
        only = stack.enter_context(worker(tmp_path))
        running = stack.enter_context(master(tmp_path, [only.url]))
        paused = submit(running, SPEC | {"stop": {"generations": 1_000_000}})
        wait_for_generation(running, paused, 1)
        assert running.http.post(f"/experiments/{paused}/pause").is_success
        only.kill()
        eventually(lambda: all(row["state"] != "ready" for row in running.http.get("/workers").json()["workers"]))
        answer = running.http.patch(f"/experiments/{paused}", json={"curriculum": SPEC["curriculum"]})
        assert answer.status_code == 409
        assert "no worker is ready" in answer.json()["detail"]

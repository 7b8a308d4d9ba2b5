"""Experiments through the REST API of a real cluster."""

from __future__ import annotations

import csv
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import yaml

from seedcast.shared.spec.parse import parse_spec
from tests.processes import Server, eventually, submit, wait_for_end, wait_for_generation, wait_for_lines
from tests.specs import cartpole, cartpole_values


def test_an_experiment_trains_to_its_end_and_leaves_everything_behind(cluster: Server) -> None:
    experiment_id = submit(cluster, cartpole_values())
    experiment = wait_for_end(cluster, experiment_id)
    assert (experiment["status"], experiment["reason"]) == ("completed", "all 6 generations done")
    history = cluster.http.get(f"/experiments/{experiment_id}/history").json()["generations"]
    assert [row["generation"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["environment_steps"] == experiment["environment_steps"] > 16 * 2 * 6
    tests = cluster.http.get(f"/experiments/{experiment_id}/tests").json()["tests"]
    assert [row["generation"] for row in tests] == [3, 6]
    assert all(len(row["episode_returns"]) == 10 for row in tests)
    assert experiment["best_test_return"] == max(row["returns"]["mean"] for row in tests)


def test_artifacts_have_the_samples_names_and_agree_with_the_history(cluster: Server) -> None:
    experiment_id = submit(cluster, cartpole_values())
    experiment = wait_for_end(cluster, experiment_id)
    path = f"/experiments/{experiment_id}/artifacts"
    names = {
        "best_model.npz",
        "config.yaml",
        "log.txt",
        "model_3.npz",
        "model_6.npz",
        "reward_vs_iteration.png",
        "reward_vs_time.png",
        "scores.csv",
    }
    eventually(lambda: {row["name"] for row in cluster.http.get(path).json()["artifacts"]} == names)
    wait_for_lines(cluster, experiment_id, "log.txt", 6)
    wait_for_lines(cluster, experiment_id, "scores.csv", 1 + 2)
    files = {name: cluster.http.get(f"{path}/{name}").content for name in names}
    assert files["best_model.npz"] == files[f"model_{experiment['best_generation']}.npz"]
    assert parse_spec(files["config.yaml"]) == cartpole()
    rows = list(csv.DictReader(io.StringIO(files["scores.csv"].decode())))
    assert [row["Iteration"] for row in rows] == ["3", "6"]
    assert max(float(row["Reward"]) for row in rows) == pytest.approx(experiment["best_test_return"])
    assert files["reward_vs_time.png"].startswith(b"\x89PNG")
    last = cluster.http.get(f"/experiments/{experiment_id}/history").json()["generations"][-1]
    with np.load(io.BytesIO(files["model_6.npz"])) as model:
        assert hashlib.sha256(model["parameters"].tobytes()).hexdigest() == last["parameters_sha256"]


def test_yaml_and_json_bodies_mean_the_same(cluster: Server) -> None:
    text = yaml.safe_dump(cartpole_values())
    response = cluster.http.post("/experiments", content=text, headers={"Content-Type": "application/yaml"})
    assert response.status_code == 201
    location = response.headers["Location"]
    shown, other = cluster.http.get(location).json(), submit(cluster, cartpole_values())
    assert shown["id"] == response.json()["id"]
    assert shown["spec"] == cluster.http.get(f"/experiments/{other}").json()["spec"]
    for experiment_id in (shown["id"], other):
        wait_for_end(cluster, experiment_id)


def test_the_example_in_the_documentation_runs(cluster: Server) -> None:
    body = cluster.http.get("/openapi.json").json()["paths"]["/experiments"]["post"]["requestBody"]["content"]
    example = body["application/json"]["example"]
    assert yaml.safe_load(body["application/yaml"]["example"]) == example
    experiment_id = submit(cluster, example)
    wait_for_generation(cluster, experiment_id, 1)
    cluster.http.post(f"/experiments/{experiment_id}/stop")


def test_the_documentation_page_needs_no_other_host(cluster: Server) -> None:
    page = cluster.http.get("/docs").text
    assert "swagger" in page
    assert "https://" not in page


def test_a_stopped_experiment_stays_stopped_and_a_second_stop_is_a_conflict(cluster: Server) -> None:
    experiment_id = submit(cluster, cartpole_values() | {"stop": {"generations": 1_000_000}})
    wait_for_generation(cluster, experiment_id, 2)
    stopped = cluster.http.post(f"/experiments/{experiment_id}/stop").json()
    assert (stopped["status"], stopped["reason"]) == ("stopped", "stopped on request")
    again = cluster.http.post(f"/experiments/{experiment_id}/stop")
    assert again.status_code == 409
    assert again.headers["Content-Type"] == "application/problem+json"
    assert cluster.http.get(f"/experiments/{experiment_id}").json()["generation"] == stopped["generation"]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ({"environment_steps": 500}, "environment steps done, the limit is 500"),
        ({"wall_time_seconds": 0.2}, "s done, the limit is 0.2"),
        ({"test_return": 9}, "reached the target 9 at generation 3"),
    ],
    ids=["environment steps", "wall time", "target"],
)
def test_whichever_stop_condition_comes_first_ends_the_run(
    cluster: Server, stop: dict[str, Any], reason: str
) -> None:
    experiment_id = submit(cluster, cartpole_values() | {"stop": {"generations": 1_000_000} | stop})
    experiment = wait_for_end(cluster, experiment_id)
    assert experiment["status"] == "completed"
    assert reason in experiment["reason"]
    last_test = cluster.http.get(f"/experiments/{experiment_id}/tests").json()["tests"][-1]
    assert last_test["generation"] == experiment["generation"]


def test_several_experiments_share_the_workers_fairly(cluster: Server) -> None:
    endless = cartpole_values() | {"stop": {"generations": 1_000_000}, "test": {"every": 1000}}
    first, second = submit(cluster, endless), submit(cluster, endless | {"seed": 8, "name": "other"})
    wait_for_generation(cluster, second, 5)
    start = [cluster.http.get(f"/experiments/{one}").json()["environment_steps"] for one in (first, second)]
    wait_for_generation(cluster, second, 40)
    ends = [cluster.http.post(f"/experiments/{one}/stop").json()["environment_steps"] for one in (first, second)]
    steps = [end - begin for begin, end in zip(start, ends, strict=True)]
    assert 1 / 3 < steps[0] / steps[1] < 3


def test_a_warm_start_continues_from_a_model_and_a_misfit_is_refused(cluster: Server) -> None:
    source = submit(cluster, cartpole_values())
    wait_for_end(cluster, source)
    warm = {"warm_start": f"experiments/{source}/model_6.npz"}
    warmed = submit(cluster, cartpole_values() | warm | {"stop": {"generations": 1}})
    assert wait_for_end(cluster, warmed)["status"] == "completed"
    for changes, reason in (
        ({"policy": {"name": "mlp"}}, "the model's policy.name is linear, here it is mlp"),
        ({"warm_start": f"experiments/{source}/none.npz"}, "there is no such file"),
        ({"warm_start": f"experiments/{source}/scores.csv"}, "must be experiments/ID/NAME.npz or models/NAME.npz"),
        ({"warm_start": "../../etc/passwd"}, "must be experiments/ID/NAME.npz or models/NAME.npz"),
        ({"warm_start": "database/seedcast.db"}, "must be experiments/ID/NAME.npz or models/NAME.npz"),
    ):
        response = cluster.http.post("/experiments", json=cartpole_values() | warm | changes)
        assert response.status_code == 422
        (error,) = response.json()["errors"]
        assert error["field"] == "warm_start"
        assert reason in error["reason"]


def test_metrics_and_workers_say_what_goes_on(cluster: Server) -> None:
    wait_for_end(cluster, submit(cluster, cartpole_values()))
    metrics = cluster.http.get("/metrics").text
    assert 'seedcast_master_workers{state="ready"} 2.0' in metrics
    assert "seedcast_master_loop_lag_seconds_bucket" in metrics
    workers = cluster.http.get("/workers").json()["workers"]
    assert all(row["info"]["slots"] == 1 and row["environment_steps"] > 0 for row in workers)


def test_progress_is_seen_while_a_generation_runs(cluster: Server) -> None:
    slow = {"environment": {"id": "BipedalWalker-v3"}, "population_size": 64}
    experiment_id = submit(cluster, cartpole_values() | slow)
    path = f"/experiments/{experiment_id}/progress"
    progress = eventually(lambda: cluster.http.get(path).json())
    assert progress["rollouts"] == 64 * 2
    assert 0 <= progress["rollouts_done"] <= progress["rollouts"]
    cluster.http.post(f"/experiments/{experiment_id}/stop")


def test_downloads_while_training_are_whole(cluster: Server) -> None:
    endless = {"stop": {"generations": 1_000_000}, "test": {"every": 2, "episodes": 2}, "population_size": 2}
    experiment_id = submit(cluster, cartpole_values() | endless)
    path = f"/experiments/{experiment_id}/artifacts"
    eventually(lambda: cluster.http.get(f"{path}/scores.csv").is_success)

    def download(_: int) -> bytes:
        reply = cluster.http.get(f"{path}/log.txt").raise_for_status()
        assert int(reply.headers["Content-Length"]) == len(reply.content)
        cluster.http.get(f"{path}/scores.csv").raise_for_status()
        return reply.content

    downloads = list[bytes]()
    with ThreadPoolExecutor(4) as threads:
        while len(set(downloads)) <= 5:  # until it has grown often enough meanwhile
            downloads += threads.map(download, range(40))
    cluster.http.post(f"/experiments/{experiment_id}/stop")
    final = cluster.http.get(f"{path}/log.txt").content
    assert all(final.startswith(content) for content in downloads)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("log.txt", "text/plain; charset=utf-8"),
        ("scores.csv", "text/csv; charset=utf-8"),
        ("config.yaml", "application/yaml"),
        ("best_model.npz", "application/octet-stream"),
        ("reward_vs_time.png", "image/png"),
    ],
)
def test_a_download_has_its_name_and_media_type(cluster: Server, name: str, media_type: str) -> None:
    experiment_id = submit(cluster, cartpole_values() | {"stop": {"generations": 1}})
    wait_for_end(cluster, experiment_id)
    path = f"/experiments/{experiment_id}/artifacts/{name}"
    eventually(lambda: cluster.http.get(path).is_success)
    headers = cluster.http.get(path).headers
    shown = "inline" if name.endswith(".png") else "attachment"
    assert headers["Content-Disposition"] == f'{shown}; filename="{name}"'
    assert headers["Content-Type"] == media_type


def test_a_search_that_would_not_fit_into_memory_is_refused(cluster: Server) -> None:
    absurd = {
        "strategy": {"name": "cma_es"},
        "policy": {"name": "mlp", "hidden": [1000, 1000]},
        "episode_seeds": "member",
    }
    response = cluster.http.post("/experiments", json=cartpole_values() | absurd | {"episodes_per_member": 1})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["field"] == "policy"
    assert "over the limit of 4 GiB" in error["reason"]
    assert "or the strategies" in error["reason"]
    assert "pgpe" in error["reason"]

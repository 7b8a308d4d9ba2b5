"""Evaluations and videos of trained models, asked of a real master."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from seedcast.cli.replay import returns_of
from seedcast.shared.model import Model
from tests.processes import Server, eventually, free_port, master, submit, wait_for_end, worker
from tests.specs import cartpole_values


@pytest.fixture(scope="module")
def trained(cluster: Server) -> str:
    experiment_id = submit(cluster, cartpole_values())
    wait_for_end(cluster, experiment_id)
    return experiment_id


def ask(server: Server, experiment_id: str, kind: str, **request: Any) -> str:
    answer = server.http.post(f"/experiments/{experiment_id}/{kind}", json=request)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "pending"
    return str(answer.headers["location"])


def outcome(server: Server, location: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = server.http.get(location).json()
        return job if job["status"] in ("done", "failed") else None

    return eventually(ended)


def test_an_evaluation_plays_the_episodes_that_the_command_plays(
    cluster: Server, trained: str, tmp_path: Path
) -> None:
    job = outcome(cluster, ask(cluster, trained, "evaluations", model="model_3.npz", episodes=7, seed=5))
    assert (job["status"], job["kind"], job["episodes"], job["result"]["generation"]) == (
        "done",
        "evaluation",
        7,
        3,
    )
    file = tmp_path / "model.npz"
    file.write_bytes(cluster.http.get(f"/experiments/{trained}/artifacts/model_3.npz").content)
    assert job["result"]["episode_returns"] == returns_of(Model.load(file), 5, 7).tolist()
    tests = cluster.http.get(f"/experiments/{trained}/evaluations").json()["evaluations"]
    assert [test["generation"] for test in tests] == [3, 6]  # what was asked for is no test


def test_a_video_becomes_an_artifact_that_a_browser_shows(cluster: Server, trained: str, tmp_path: Path) -> None:
    job = outcome(cluster, ask(cluster, trained, "videos", seed=3))
    assert job["status"] == "done", job["reason"]
    name = job["result"]["artifact"]
    assert name in [
        one["name"] for one in cluster.http.get(f"/experiments/{trained}/artifacts").json()["artifacts"]
    ]
    answer = cluster.http.get(f"/experiments/{trained}/artifacts/{name}")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"].startswith("inline")
    (tmp_path / name).write_bytes(answer.content)
    frames, _ = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / name))
    assert frames == job["result"]["episode_return"]  # CartPole: a point for each step, and a picture before it


def test_a_film_is_made_while_training_takes_every_slot(cluster: Server, trained: str) -> None:
    endless = submit(cluster, cartpole_values() | {"stop": {"generations": 100_000}})
    try:
        assert outcome(cluster, ask(cluster, trained, "videos", seed=4))["status"] == "done"
    finally:
        cluster.http.post(f"/experiments/{endless}/stop")


def test_what_was_asked_for_is_listed_newest_first(cluster: Server, trained: str) -> None:
    numbers = [outcome(cluster, ask(cluster, trained, "evaluations", episodes=1))["number"] for _ in range(2)]
    listed = cluster.http.get(f"/experiments/{trained}/jobs?limit=2").json()["jobs"]
    assert [job["number"] for job in listed] == numbers[::-1]


@pytest.mark.parametrize(
    ("kind", "request_", "status"),
    [
        ("evaluations", {"model": "model_4.npz"}, 422),
        ("evaluations", {"model": "../seedcast.lock"}, 422),
        ("evaluations", {"episodes": 0}, 422),
        ("videos", {"episodes": 3}, 422),
    ],
)
def test_what_cannot_be_done_is_refused(
    cluster: Server, trained: str, kind: str, request_: dict[str, Any], status: int
) -> None:
    assert cluster.http.post(f"/experiments/{trained}/{kind}", json=request_).status_code == status


@pytest.mark.slow
def test_jobs_outlive_the_master_and_go_with_their_experiment(tmp_path: Path) -> None:
    with ExitStack() as stack:
        there = stack.enter_context(worker(tmp_path))
        server = stack.enter_context(master(tmp_path, [there.url]))
        experiment_id = submit(server, cartpole_values())
        wait_for_end(server, experiment_id)
        there.stop()
        evaluation = ask(server, experiment_id, "evaluations", episodes=3)
        film = ask(server, experiment_id, "videos")
        server.kill()
        port = free_port()
        stack.enter_context(worker(tmp_path, port))
        again = stack.enter_context(master(tmp_path, [f"http://127.0.0.1:{port}"]))
        assert outcome(again, evaluation)["status"] == outcome(again, film)["status"] == "done"
        ask(again, experiment_id, "evaluations", episodes=10_000)
        ask(again, experiment_id, "videos", seed=9)
        assert again.http.delete(f"/experiments/{experiment_id}").status_code == 204
        folder = tmp_path / "data" / "experiments" / experiment_id
        eventually(lambda: not folder.exists())
        assert again.http.get(film).status_code == 404
        assert "Traceback" not in again.log.read_text()


def test_the_fleet_lists_its_environments_and_the_master_its_version(cluster: Server) -> None:
    found = eventually(
        lambda: (page := cluster.http.get("/environments?text=box2d+walker&wait=60").json())["complete"] and page
    )
    ids = {"BipedalWalker-v3", "BipedalWalkerCourse-v0", "BipedalWalkerHardcore-v3"}
    assert ids == {row["id"] for row in found["environments"]}
    assert {row["observation_size"] for row in found["environments"]} == {24}
    assert cluster.http.get("/environments?limit=1").json()["total"] > 100
    assert set(cluster.http.get("/version").json()) == {"version", "protocol", "python"}

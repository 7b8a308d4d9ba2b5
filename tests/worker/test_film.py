"""Films of episodes, made here without the command."""

from __future__ import annotations

from pathlib import Path

import httpx
import imageio_ffmpeg
import numpy as np
import pytest

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments.registry import ENGINES
from seedcast.services.worker.film import CannotFilm, record
from seedcast.shared.protocol import FRAME_MEDIA_TYPE, Unit, UnitHeader
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.processes import Server
from tests.units import unit

CARTPOLE = EnvironmentSpec(id="CartPole-v1", engine="gymnasium")
HOPPER = EnvironmentSpec(id="HopperBulletEnv-v0", max_episode_steps=8)
MINITAUR = EnvironmentSpec(id="MinitaurBulletEnv-v0", max_episode_steps=25)


@pytest.mark.parametrize("environment", [CARTPOLE, HOPPER, MINITAUR], ids=lambda environment: environment.id)
def test_a_filmed_episode_is_the_one_that_is_run_unfilmed(tmp_path: Path, environment: EnvironmentSpec) -> None:
    if environment is not CARTPOLE:
        pytest.importorskip("pybullet")
    rollout = unit(environment, [3], policy={"name": "mlp", "hidden": [8]})
    assert record(rollout, tmp_path / "film.mp4") == run_unit(rollout).returns[0]


@pytest.mark.parametrize(
    ("environment", "frames", "per_second"), [(HOPPER, 8, 60.61), (MINITAUR, 13, 50)], ids=["Hopper", "Minitaur"]
)
def test_a_film_of_pybullet_is_as_fast_as_what_it_simulates(
    tmp_path: Path, environment: EnvironmentSpec, frames: int, per_second: float
) -> None:
    pytest.importorskip("pybullet")
    film = tmp_path / "film.mp4"
    record(unit(environment, [3]), film)
    shown = next(imageio_ffmpeg.read_frames(str(film)))
    assert (shown["size"], shown["fps"]) == ((640, 480), per_second)
    assert imageio_ffmpeg.count_frames_and_secs(str(film))[0] == frames


def test_where_only_envpool_runs_an_environment_it_is_refused(tmp_path: Path) -> None:
    environment = EnvironmentSpec(id="HalfCheetah-v5", max_episode_steps=5)
    if environment.id in ENGINES["gymnasium"].available():
        pytest.skip("MuJoCo is installed")
    with pytest.raises(CannotFilm, match="HalfCheetah-v5 cannot be filmed: envpool draws no pictures, and"):
        record(unit(environment, [3]), tmp_path / "film.mp4")


def test_a_worker_films_an_episode_and_says_its_return(server: Server, tmp_path: Path) -> None:
    rollout = unit(CARTPOLE, [3], policy={"name": "mlp", "hidden": [8]})
    answer = post(server, rollout.to_frame())
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "video/mp4"
    assert float(answer.headers["seedcast-return"]) == run_unit(rollout).returns[0]
    film = tmp_path / "film.mp4"
    film.write_bytes(answer.content)
    assert imageio_ffmpeg.count_frames_and_secs(str(film))[0] > 1


@pytest.mark.parametrize(
    ("environment", "seeds", "field", "reason"),
    [
        (CARTPOLE, [3, 4], "rows", "one rollout"),
        (EnvironmentSpec(id="Dice-v0"), [3], "environment.id", "Dice-v0 cannot be filmed"),
    ],
    ids=["two rollouts", "no pictures"],
)
def test_what_a_worker_cannot_film_is_refused_by_name(
    server: Server, environment: EnvironmentSpec, seeds: list[int], field: str, reason: str
) -> None:
    values = {"environment": environment.model_dump(), "policy": {"name": "linear", "bias": False}}
    rows, parameters = np.zeros(len(seeds), np.int32), np.zeros((1, 8 if len(seeds) > 1 else 2), np.float32)
    rollout = Unit(UnitHeader.model_validate(values), parameters, rows, np.array(seeds, np.int32))
    answer = post(server, rollout.to_frame())
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], reason in error["reason"]) == (field, True), error


def post(server: Server, frame: bytes) -> httpx.Response:
    return server.http.post("/videos?queue=true", content=frame, headers={"Content-Type": FRAME_MEDIA_TYPE})

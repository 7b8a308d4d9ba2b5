"""Films of episodes, made here without the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import imageio_ffmpeg
import numpy as np
import pytest

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments.registry import ENGINES
from seedcast.services.worker.film import record, why_not_drawn
from seedcast.shared.protocol import FRAME_MEDIA_TYPE, Unit, UnitHeader
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.processes import Server
from tests.units import unit

CARTPOLE = EnvironmentSpec(id="CartPole-v1", engine="gymnasium")
CHEETAH = EnvironmentSpec(id="HalfCheetah-v5", max_episode_steps=5)
HOPPER = EnvironmentSpec(id="HopperBulletEnv-v0", max_episode_steps=8)
MINITAUR = EnvironmentSpec(id="MinitaurBulletEnv-v0", max_episode_steps=25)


def drawn_or_skip(environment: EnvironmentSpec) -> None:
    """Skip the test where this machine cannot draw."""
    if environment.id.endswith("BulletEnv-v0"):
        pytest.importorskip("pybullet")
    if environment is CHEETAH and "failed to initialize EGL" in (reason := why_not_drawn(environment) or ""):
        pytest.skip(reason)


@pytest.mark.parametrize(
    "environment",
    [
        CARTPOLE,
        HOPPER,
        MINITAUR,
        CHEETAH,
        EnvironmentSpec(id="BipedalWalker-v3", max_episode_steps=50),
        EnvironmentSpec(id="MiniGrid-Empty-5x5-v0", max_episode_steps=5),
    ],
    ids=lambda environment: environment.id,
)
def test_a_filmed_episode_is_the_one_that_is_run_unfilmed(tmp_path: Path, environment: EnvironmentSpec) -> None:
    drawn_or_skip(environment)
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


def test_a_film_of_mujoco_is_as_fast_as_what_it_simulates(tmp_path: Path) -> None:
    drawn_or_skip(CHEETAH)
    film = tmp_path / "film.mp4"
    record(unit(CHEETAH, [3]), film)
    shown = next(imageio_ffmpeg.read_frames(str(film)))
    assert (shown["size"], shown["fps"]) == ((480, 480), 20)
    assert imageio_ffmpeg.count_frames_and_secs(str(film))[0] == 5


def test_what_envpool_does_not_draw_is_filmed_in_gymnasiums_version(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    record(unit(EnvironmentSpec(id="CliffWalking-v1", max_episode_steps=4), [3]), film)
    assert imageio_ffmpeg.count_frames_and_secs(str(film))[0] == 4


def test_without_drivers_for_opengl_mujoco_is_refused_with_the_reason(tmp_path: Path) -> None:
    if CHEETAH.id in ENGINES["gymnasium"].available():
        pytest.skip("MuJoCo is installed")
    environment = os.environ | {"__EGL_VENDOR_LIBRARY_DIRS": str(tmp_path)}
    code = "import sys; from tests.worker.test_film import *; record(unit(CHEETAH, [3]), Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path / "film.mp4")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "HalfCheetah-v5 cannot be filmed: RuntimeError: failed to initialize EGL (envpool), and" in ended.stderr
    assert ended.returncode == 1, "an exception, and not the end of the process by MuJoCo's own"


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

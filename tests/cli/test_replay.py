"""`seedcast test` on models made here, without master or worker."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from seedcast.shared.model import Model, ModelMetadata
from seedcast.shared.policies.linear import LinearSpec
from seedcast.shared.spec.environment import (
    ActionSpace,
    ContinuousActions,
    DiscreteActions,
    EnvironmentDescription,
    EnvironmentSpec,
)
from tests.cli.test_specs import seedcast
from tests.processes import PYTHONPATH

METADATA = ModelMetadata(
    environment=EnvironmentSpec(id="CartPole-v1"),
    description=EnvironmentDescription(
        observation_size=4,
        actions=DiscreteActions(count=2),
        max_episode_steps=500,
        reward_threshold=475,
        engine="envpool",
    ),
    policy=LinearSpec(name="linear", bias=False),
    generation=12,
)


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    """A hand-made policy that balances: push toward where the pole falls."""
    weights = np.array([[0, 0.1], [0, 0.5], [0, 3], [0, 2]], np.float32)
    model = Model(parameters=weights.ravel(), normaliser=None, metadata=METADATA)
    (tmp_path / "best_model.npz").write_bytes(model.to_bytes())
    return tmp_path


def test_a_model_that_balances_scores_500_with_full_success(logdir: Path) -> None:
    done = seedcast("test", "--logdir", str(logdir), "--episodes", "30")
    assert done.returncode == 0, done.stderr
    assert "mean 500.00  std 0.00  min 500.00  max 500.00" in done.stdout
    assert "success rate 100%" in done.stdout
    figures = json.loads(seedcast("test", "--logdir", str(logdir), "--episodes", "3", "--json").stdout)
    assert (figures["returns"], figures["success_rate"]) == ([500.0] * 3, 1.0)


@pytest.mark.parametrize("success", ["nan", "inf", "high"])
def test_a_return_that_counts_as_success_is_a_finite_number(logdir: Path, success: str) -> None:
    refused = seedcast("test", "--logdir", str(logdir), "--success", success)
    assert refused.returncode == 2
    assert "success" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_same_seed_gives_the_same_episodes_and_another_one_others(logdir: Path) -> None:
    weak = Model(parameters=np.zeros(8, np.float32), normaliser=None, metadata=METADATA)
    (logdir / "weak.npz").write_bytes(weak.to_bytes())
    outputs = [
        seedcast("test", "--logdir", str(logdir), "--model", "weak.npz", "--episodes", "10", "--seed", seed).stdout
        for seed in ("1", "1", "2")
    ]
    means = [output.split("mean ")[1].split()[0] for output in outputs]
    assert means[0] == means[1] != means[2]


def test_a_video_is_a_playable_mp4(logdir: Path) -> None:
    video = logdir / "best.mp4"
    done = seedcast("test", "--logdir", str(logdir), "--episodes", "1", "--video", str(video))
    assert done.returncode == 0, done.stderr
    assert video.read_bytes()[4:8] == b"ftyp"
    import imageio_ffmpeg

    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(video))
    assert frames >= 490
    assert seconds > 5


def test_the_noise_that_training_adds_to_actions_is_not_replayed(logdir: Path) -> None:
    policy = METADATA.rollouts.policy.model_copy(update={"action_noise": 100.0})
    model = Model.load(logdir / "best_model.npz")
    noisy = model.model_copy(update={"metadata": METADATA.model_copy(update={"policy": policy})})
    (logdir / "noisy.npz").write_bytes(noisy.to_bytes())
    done = seedcast("test", "--logdir", str(logdir), "--model", "noisy.npz", "--episodes", "10")
    assert "mean 500.00" in done.stdout


BOX = ContinuousActions(low=[-1, -1], high=[1, 1])


@pytest.mark.parametrize(
    ("id_", "actions", "reason"),
    [
        ("Gymnasium-v0", BOX, "it draws no pictures"),
        ("OldGym-v0", BOX, "it draws no pictures"),
        ("Faulty-v0", DiscreteActions(count=2), "TypeError: Faulty.__init__() got an unexpected keyword argument"),
    ],
)
def test_what_draws_no_pictures_is_tested_and_then_refused_in_one_line(
    tmp_path: Path, id_: str, actions: ActionSpace, reason: str
) -> None:
    description = EnvironmentDescription(
        observation_size=2, actions=actions, max_episode_steps=5, reward_threshold=None, engine="auto"
    )
    environment = EnvironmentSpec(id=id_, max_episode_steps=5)
    metadata = METADATA.model_copy(update={"environment": environment, "description": description})
    model = Model(parameters=np.zeros(4, np.float32), normaliser=None, metadata=metadata)
    (tmp_path / "best_model.npz").write_bytes(model.to_bytes())
    options = ["--logdir", str(tmp_path), "--episodes", "1", "--video", str(tmp_path / "film.mp4")]
    done = seedcast("test", *options, PYTHONPATH=PYTHONPATH)
    assert done.returncode == 2
    assert "mean " in done.stdout
    assert done.stderr.startswith(f"seedcast: {id_} cannot be filmed: {reason}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "film.mp4").exists()


def test_a_film_that_cannot_be_written_is_refused_in_one_line(logdir: Path) -> None:
    video = logdir / "missing" / "film.mp4"
    done = seedcast("test", "--logdir", str(logdir), "--episodes", "1", "--video", str(video))
    assert done.returncode == 2
    assert done.stderr.startswith("seedcast: --video: No such file or directory")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "there is no such file"), (b"not a zip", "is not a model file"), (b"", "is not a model file")],
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "best_model.npz").write_bytes(content)
    done: subprocess.CompletedProcess[str] = seedcast("test", "--logdir", str(tmp_path))
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1

"""Films one episode of a model, rendered by Gymnasium, as an MP4 file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gymnasium
import imageio_ffmpeg
import numpy as np

from shared.errors import InvalidInput, SeedcastError
from shared.model import Model

DEFAULT_FRAMES_PER_SECOND = 30


class CannotRender(SeedcastError):
    """The environment has no picture."""


def record(model: Model, seed: int, path: Path) -> float:
    """Film the episode of ``seed`` and return its return.

    EnvPool draws no pictures, so the episode is Gymnasium's own version of the environment: the same task, but not
    the same bits.

    Raises:
        CannotRender: the environment is not Gymnasium's or cannot be rendered.
    """
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    spec = model.metadata.environment
    options: dict[str, Any] = spec.kwargs | {
        "render_mode": "rgb_array",
        "max_episode_steps": model.metadata.description.max_episode_steps,
    }
    try:
        environment = gymnasium.make(spec.id, **options)
    except Exception as error:
        raise CannotRender(f"{spec.id} cannot be rendered: {error}") from error
    try:
        return _film(model, environment, seed, path)
    finally:
        environment.close()


def _film(model: Model, environment: gymnasium.Env[Any, Any], seed: int, path: Path) -> float:
    policy = model.policy()
    lanes = policy.lanes(1)
    lanes.load(0, model.parameters)
    observation, _ = environment.reset(seed=seed)
    frames = environment.metadata.get("render_fps") or DEFAULT_FRAMES_PER_SECOND
    frame = _frame(environment)
    height, width = frame.shape[:2]
    try:
        writer = imageio_ffmpeg.write_frames(str(path), (width, height), fps=frames, macro_block_size=2)
        writer.send(None)
        total, over = 0.0, False
        while not over:
            writer.send(np.ascontiguousarray(frame))
            flat = np.asarray(gymnasium.spaces.flatten(environment.observation_space, observation), np.float32)
            inputs = flat[None, :] if model.normaliser is None else model.normaliser(flat[None, :])
            action = policy.head(lanes.outputs(inputs))[0]
            observation, reward, terminated, truncated, _ = environment.step(action)
            total += float(reward)
            over = terminated or truncated
            frame = _frame(environment)
        writer.close()
    except OSError as error:
        raise InvalidInput.of("--video", error.strerror or str(error), path) from error
    return total


def _frame(environment: gymnasium.Env[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    frame = np.asarray(environment.render(), np.uint8)
    even_height, even_width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
    return frame[:even_height, :even_width]  # what H.264 can hold

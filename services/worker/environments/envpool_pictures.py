"""Pictures of EnvPool's lanes, drawn by EnvPool itself: of the very episode, with the bits that are trained on.

MuJoCo's renderer needs OpenGL without a screen, of which EnvPool brings the loader along and the machine the
drivers (Mesa's, `libegl-mesa0`, draw on the processor). Box2D and the others draw by themselves.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.envs.registration import load_env_creator

from seedcast.services.worker.environments.base import DEFAULT_STEPS_PER_SECOND, Picture
from seedcast.services.worker.environments.envpool_package import envpool
from seedcast.services.worker.environments.plugins import registry
from seedcast.shared.spec.environment import EnvironmentSpec

TIME_STEPS = {
    "Ant": 0.01, "HalfCheetah": 0.01, "Hopper": 0.002, "Humanoid": 0.003, "HumanoidStandup": 0.003,
    "InvertedDoublePendulum": 0.01, "InvertedPendulum": 0.02, "Pusher": 0.01, "Reacher": 0.01, "Swimmer": 0.01,
    "Walker2d": 0.002,
}  # fmt: skip
"""Seconds of the models of Gymnasium's MuJoCo robots; a step of the environment is ``frame_skip`` of them."""

OWN_SIZE, OWN_CAMERA = 0, -1
"""What EnvPool takes for the environment's own."""


def find_opengl() -> None:
    """Let MuJoCo see the OpenGL that EnvPool brings: it looks only among what is loaded for all to see.

    Without, its renderer would end the whole process.
    """
    beside = Path(envpool().__file__).parent.with_name("envpool.libs")
    for library in beside.glob("libEGL-*.so*"):  # none on macOS, which has an OpenGL of its own
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def draw(pool: Any, lane: int) -> Picture | None:  # noqa: ANN401 - EnvPool has no types
    """Return what a live lane looks like now; None where EnvPool does not draw this environment.

    Raises:
        RuntimeError: this machine has no drivers for OpenGL.
    """
    try:
        (drawn,) = pool._render(np.array([lane], np.int32), OWN_SIZE, OWN_SIZE, OWN_CAMERA)
    except RuntimeError as error:
        if "not implemented" in str(error):
            return None
        raise
    return np.asarray(drawn, np.uint8)


def steps_per_second(spec: EnvironmentSpec) -> float:
    """Return how many steps make a second of what is simulated."""
    robot, _, _ = spec.id.partition("-v")
    if robot in TIME_STEPS:
        config = envpool().make_spec(spec.id, **spec.kwargs).config
        return 1 / (TIME_STEPS[robot] * float(config.frame_skip))
    return _said_by_gymnasium(spec.id) or DEFAULT_STEPS_PER_SECOND


def _said_by_gymnasium(id_: str) -> float | None:
    entry = registry().get(id_)
    if entry is None or not isinstance(entry.entry_point, str):
        return None
    try:
        creator: Any = load_env_creator(entry.entry_point)
    except Exception:  # what Gymnasium's version needs is not installed
        return None
    fps: float | None = getattr(creator, "metadata", {}).get("render_fps")
    return fps

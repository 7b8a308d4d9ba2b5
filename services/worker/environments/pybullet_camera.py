"""A camera in PyBullet's simulations, whose software renderer needs neither a screen nor a graphics card.

Looking moves nothing: an episode that is filmed is, to the bit, the one that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seedcast.services.worker.environments.base import Picture

WIDTH, HEIGHT = 640, 480
FIELD_OF_VIEW = 45
NEAREST, FARTHEST = 0.1, 100


@dataclass(frozen=True)
class View:
    """Where a camera stands. Lengths are metres, angles degrees; robots run along x, so it stands beside."""

    distance: float
    height: float
    """Of the point it looks at; the robot's own would hide that the robot goes up and down."""
    yaw: float = 20
    pitch: float = -20
    subject: Callable[[Any], Sequence[float]] = lambda _: (0, 0)
    """From the environment to where what it follows is: x, y and whatever else; by default it stands still."""

    def picture(self, client: Any, environment: Any) -> Picture:  # noqa: ANN401 - PyBullet has no types
        """Draw what the camera sees of a simulation and the environment that runs in it."""
        x, y = self.subject(environment)[:2]
        view = client.computeViewMatrixFromYawPitchRoll(
            [x, y, self.height], self.distance, self.yaw, self.pitch, roll=0, upAxisIndex=2
        )
        projection = client.computeProjectionMatrixFOV(FIELD_OF_VIEW, WIDTH / HEIGHT, NEAREST, FARTHEST)
        pixels = client.getCameraImage(WIDTH, HEIGHT, view, projection, renderer=client.ER_TINY_RENDERER)[2]
        return np.reshape(np.asarray(pixels, np.uint8), (HEIGHT, WIDTH, 4))[:, :, :3]


VIEWS = {
    "bullet.minitaur_gym_env": View(1.3, 0.15, subject=lambda environment: environment.minitaur.GetBasePosition()),
    "gym_locomotion_envs": View(3.4, 0.6, subject=lambda environment: environment.robot.body_real_xyz),
    "gym_manipulator_envs": View(0.85, 0, yaw=0, pitch=-75),
    "gym_pendulum_envs": View(4, 0.3, yaw=0, pitch=-10),
}
"""By module of `pybullet_envs`."""

"""Harbour-v0: bring a ship to rest at its berth, against a current."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Picture = NDArray[np.uint8]
PIXELS = 160


class Harbour(gymnasium.Env[Vector, Vector]):
    """A point mass on a plane, pushed by a steady current that differs from episode to episode.

    Observation: position and velocity relative to the berth, ``(x, y, vx, vy)``.
    Action: thrust ``(x, y)``, each in [-1, 1].
    Reward: minus the distance to the berth, a step.
    Episode end: terminated at rest at the berth, which pays 10; truncated after 200 steps, by Seedcast.
    """

    observation_space = spaces.Box(-np.inf, np.inf, (4,), np.float32)
    action_space = spaces.Box(-1, 1, (2,), np.float32)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 - Gymnasium's own
    # Read by Seedcast; a specification's own max_episode_steps goes before.
    max_episode_steps = 200
    reward_threshold = -15.0
    # So, too: it draws from nothing but its own generator, so that this many episodes can be live at once.
    side_by_side = 16

    def __init__(self, current: float = 0.02, render_mode: str | None = None) -> None:
        """``current`` is its greatest strength; these arguments are a specification's ``kwargs``.

        Seedcast gives ``render_mode`` where an episode is filmed.
        """
        self.render_mode = render_mode
        if current < 0:
            raise ValueError(f"current has to be at least 0, not {current}")
        self._strength = current
        self._current = np.zeros(2)
        self._position = np.zeros(2)
        self._velocity = np.zeros(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Vector, dict[str, Any]]:
        """Draw everything from ``self.np_random``, so that an episode depends on its seed and nothing else."""
        super().reset(seed=seed, options=options)
        self._position = self.np_random.uniform(-1, 1, 2)
        self._current = self.np_random.uniform(-self._strength, self._strength, 2)
        self._velocity = np.zeros(2)
        return self._observation(), {}

    def step(self, action: Vector) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        """Push."""
        self._velocity = 0.9 * self._velocity + 0.05 * action.astype(np.float64) + self._current
        self._position = self._position + 0.1 * self._velocity
        distance, speed = float(np.linalg.norm(self._position)), float(np.linalg.norm(self._velocity))
        moored = distance < 0.05 and speed < 0.05
        return self._observation(), 10.0 - distance if moored else -distance, moored, False, {}

    def render(self) -> Picture:
        """Return a picture ``(height, width, 3)``: the berth in the middle, and the ship."""
        picture = np.full((PIXELS, PIXELS, 3), (205, 225, 240), np.uint8)
        for (x, y), colour in (((0.0, 0.0), (90, 90, 90)), (tuple(self._position), (200, 40, 40))):
            column, row = int((x / 3 + 0.5) * PIXELS), int((0.5 - y / 3) * PIXELS)
            picture[max(0, row - 4) : max(0, row + 4), max(0, column - 4) : max(0, column + 4)] = colour
        return picture

    def _observation(self) -> Vector:
        return np.concatenate([self._position, self._velocity]).astype(np.float32)

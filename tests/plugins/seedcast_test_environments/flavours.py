"""One random walk, written for each interface that environments have had."""

from __future__ import annotations

import random
from typing import Any

import gym
import gymnasium
import numpy as np
from numpy.typing import NDArray

Observation = NDArray[np.float32]

LENGTH = 20
"""Steps until old gym's time limit."""


class Walk:
    """The walk: to the action is added a draw from a seeded generator, and one from Python's global one."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.generator = np.random.default_rng(0)
        self.position = np.zeros(2)
        self.steps = 0

    def start(self, seed: int | None) -> Observation:
        """Begin at random."""
        self.generator = np.random.default_rng(seed)
        self.position = self.generator.uniform(-1, 1, 2)
        self.steps = 0
        return self.observation()

    def walk(self, action: Observation) -> tuple[Observation, float, bool, bool]:
        """Walk, until far away (terminated) or tired (truncated)."""
        self.steps += 1
        self.position += self.scale * action + self.generator.normal(0, 0.1, 2) + 0.1 * random.random()
        distance = float(np.abs(self.position).max())
        return self.observation(), -distance, distance > 5, self.steps >= LENGTH

    def observation(self) -> Observation:
        """Return the position."""
        return self.position.astype(np.float32)


class Gymnasium(gymnasium.Env[Observation, Observation]):
    """Gymnasium: ``reset(seed=)`` returns two values, ``step`` five."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    max_episode_steps = 1000

    def __init__(self, scale: float = 1.0) -> None:
        self.walk = Walk(scale)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin."""
        super().reset(seed=seed, options=options)
        return self.walk.start(seed), {}

    def step(self, action: Observation) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Walk."""
        return *self.walk.walk(action), {}


class Gym26(gym.Env[Observation, Observation]):
    """gym 0.26: the same, with gym's spaces."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, scale: float = 1.0) -> None:
        self.walk = Walk(scale)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin."""
        super().reset(seed=seed, options=options)
        return self.walk.start(seed), {}

    def step(self, action: Observation) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Walk."""
        return *self.walk.walk(action), {}


class OldGym(gym.Env[Observation, Observation]):
    """Older gym: ``seed()``, ``reset()`` returns the observation, ``step`` four values."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, scale: float = 1.0) -> None:
        self.walk = Walk(scale)
        self.wanted: int | None = None

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Remember."""
        self.wanted = seed
        return [seed]

    def reset(self) -> Observation:  # type: ignore[override]
        """Begin."""
        return self.walk.start(self.wanted)

    def step(  # type: ignore[override]
        self, action: Observation
    ) -> tuple[Observation, float, bool, dict[str, Any]]:
        """Walk; gym's time limit says by ``info`` that it was the one."""
        observation, reward, terminated, truncated = self.walk.walk(action)
        info = {"TimeLimit.truncated": not terminated} if truncated else {}
        return observation, reward, terminated or truncated, info

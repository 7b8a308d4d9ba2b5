"""Environments that do nothing wrong, only something unusual."""

from __future__ import annotations

import os
import random
import signal
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Observation = NDArray[np.float32]


class Dice(gymnasium.Env[Observation, np.int64]):
    """Observation: the last reward. Action: ignored. Reward: drawn from the process's own generators."""

    observation_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = spaces.Discrete(2, start=5)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Do not even use the seed."""
        super().reset(seed=seed, options=options)
        return np.zeros(1, np.float32), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Throw."""
        if action not in self.action_space:
            raise ValueError(f"action {action}")
        reward = random.random() + np.random.random()
        return np.array([reward], np.float32), reward, False, False, {}


class Lottery(Dice):
    """Observation: a number that no seed decides."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Draw."""
        super().reset(seed=seed, options=options)
        return np.array([random.SystemRandom().random()], np.float32), {}


class Text(gymnasium.Env[Any, np.int64]):
    """Observation: words."""

    observation_space = spaces.Sequence(spaces.Discrete(26))
    action_space = spaces.Discrete(2)


class Talker(Dice):
    """Prints where the worker's channel would be, and interrupts its own process."""

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Make a noise."""
        print("hello from the environment", flush=True)  # noqa: T201
        os.write(1, b"and from C\n")
        os.kill(os.getpid(), signal.SIGINT)
        return super().step(action)

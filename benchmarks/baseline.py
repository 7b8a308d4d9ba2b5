"""The usual way: one Gymnasium environment, reused, and a numpy policy, one observation at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.environments.pybullet_adapter import pybullet_envs, silence
from seedcast.shared.protocol import UnitHeader


def gymnasium_steps(header: UnitHeader, parameters: NDArray[np.float32], episodes: int) -> int:
    """Roll every row of ``parameters`` out and return the steps taken."""
    environment = make(header)
    actions: Any = environment.action_space
    discrete = isinstance(actions, gymnasium.spaces.Discrete)
    sizes = [environment.observation_space.shape[0], *header.rollouts.policy.hidden]  # type: ignore[attr-defined]
    sizes.append(int(actions.n) if discrete else actions.shape[0])
    steps = 0
    for index, row in enumerate(parameters):
        layers = unflatten(row, sizes)
        for episode in range(episodes):
            observation, _ = environment.reset(seed=index * episodes + episode)
            over = False
            while not over:
                values = observation
                for weights, bias in layers[:-1]:
                    values = np.tanh(values @ weights + bias)
                values = values @ layers[-1][0] + layers[-1][1]
                action = int(values.argmax()) if discrete else np.tanh(values)
                observation, _, terminated, truncated, _ = environment.step(action)
                steps += 1
                over = terminated or truncated
    environment.close()
    return steps


def make(header: UnitHeader) -> Any:  # noqa: ANN401 - Gymnasium's or PyBullet's own
    """Make the environment as its own library does."""
    spec = header.rollouts.environment
    if spec.id in gymnasium.registry:
        return gymnasium.make(spec.id, max_episode_steps=spec.max_episode_steps)
    return gymnasium.wrappers.TimeLimit(OriginalMinitaur(), spec.max_episode_steps or 1000)


class OriginalMinitaur(gymnasium.Env[Any, Any]):
    """`pybullet_envs`' own Minitaur, which speaks the oldest gym API."""

    def __init__(self) -> None:
        with silence():
            self._environment = pybullet_envs()["bullet.minitaur_gym_env"].MinitaurBulletEnv()
        self.observation_space = self._environment.observation_space
        self.action_space = self._environment.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Seed and reset."""
        del options
        self._environment.seed(seed)
        return self._environment.reset(), {}

    def step(self, action: NDArray[Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step."""
        observation, reward, done, info = self._environment.step(action)
        return observation, reward, done, False, info


def unflatten(row: NDArray[np.float32], sizes: list[int]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return the (weights, bias) of each layer."""
    layers, offset = [], 0
    for inputs, outputs in pairwise(sizes):
        end = offset + inputs * outputs
        layers.append((row[offset:end].reshape(inputs, outputs), row[end : end + outputs]))
        offset = end + outputs
    return layers

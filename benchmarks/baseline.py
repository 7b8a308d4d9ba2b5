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
    steps, discrete = 0, is_discrete(environment)
    for index, row in enumerate(parameters):
        layers = layers_of(row, header, environment)
        for episode in range(episodes):
            observation, _ = environment.reset(seed=index * episodes + episode)
            over = False
            while not over:
                observation, _, terminated, truncated, _ = environment.step(
                    act(layers, observation, discrete=discrete)
                )
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


Layers = list[tuple[NDArray[Any], NDArray[Any]]]
"""The (weights, bias) of each."""


def layers_of(row: NDArray[np.float32], header: UnitHeader, environment: Any) -> Layers:  # noqa: ANN401
    """Return the layers of a linear policy or a perceptron for an environment."""
    actions = environment.action_space
    outputs = int(actions.n) if is_discrete(environment) else actions.shape[0]
    hidden = getattr(header.rollouts.policy, "hidden", [])
    return unflatten(row, [environment.observation_space.shape[0], *hidden, outputs])


def is_discrete(environment: Any) -> bool:  # noqa: ANN401
    """Whether actions are one choice."""
    return isinstance(environment.action_space, gymnasium.spaces.Discrete)


def act(layers: Layers, values: NDArray[Any], *, discrete: bool) -> Any:  # noqa: ANN401
    """Return the action for one observation."""
    for weights, bias in layers[:-1]:
        values = np.tanh(values @ weights + bias)
    values = values @ layers[-1][0] + layers[-1][1]
    return int(values.argmax()) if discrete else np.tanh(values)


def unflatten(row: NDArray[np.float32], sizes: list[int]) -> Layers:
    """Return the (weights, bias) of each layer."""
    layers, offset = [], 0
    for inputs, outputs in pairwise(sizes):
        end = offset + inputs * outputs
        layers.append((row[offset:end].reshape(inputs, outputs), row[end : end + outputs]))
        offset = end + outputs
    return layers

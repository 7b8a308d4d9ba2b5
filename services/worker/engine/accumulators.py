"""What the live lanes have gathered so far, by position in the window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.worker.engine.tally import Tally
from services.worker.environments.base import Observations
from shared.protocol import RewardShaping, UnitHeader


class Accumulators:
    """Running sums of up to ``width`` episodes, as arrays, in double precision and in step order."""

    def __init__(self, header: UnitHeader, width: int, observation_size: int) -> None:
        self.lengths = np.zeros(width, np.int32)
        """Steps taken ``(width,)``."""
        self._returns = np.zeros(width)
        self._shaping = header.shaping
        self._collect = header.collect_statistics
        rows = width if self._collect else 0
        self._sums = np.zeros((rows, observation_size))
        self._squares = np.zeros((rows, observation_size))
        self._arrays: tuple[NDArray[np.generic], ...] = (self.lengths, self._returns)
        if self._collect:
            self._arrays += (self._sums, self._squares)

    def observe(self, observations: Observations) -> None:
        """Count the raw observations ``(live, observation_size)`` that the policy is about to act on."""
        if self._collect:
            live = len(observations)
            values = observations.astype(np.float64)
            self._sums[:live] += values
            values *= values
            self._squares[:live] += values

    def reward(self, rewards: NDArray[np.floating]) -> None:
        """Count one step and its ``rewards (live,)``."""
        live = len(rewards)
        self._returns[:live] += rewards
        self.lengths[:live] += 1

    def clear(self, position: int) -> None:
        """Begin an episode."""
        for array in self._arrays:
            array[position] = 0

    def move(self, source: int, target: int) -> None:
        """Move a running episode."""
        for array in self._arrays:
            array[target] = array[source]

    def store(self, position: int, last_reward: float | None, tally: Tally, rollout: int) -> None:
        """Hand an ended episode to the tally; ``last_reward`` is given where it was terminating."""
        plain, length = float(self._returns[position]), int(self.lengths[position])
        tally.returns[rollout] = plain
        tally.fitness[rollout] = shaped(self._shaping, plain, length, last_reward)
        tally.lengths[rollout] = length
        if tally.sums is not None and tally.squares is not None:
            tally.sums[rollout] = self._sums[position]
            tally.squares[rollout] = self._squares[position]


def shaped(shaping: RewardShaping, plain: float, length: int, terminating_reward: float | None) -> float:
    """Return the fitness of an episode of plain return ``plain``.

    Both options change sums only, so they are worked out once an episode instead of once a step.
    """
    drop = shaping.drop_terminal_penalty
    if drop is not None and terminating_reward is not None and terminating_reward <= -drop:
        plain -= terminating_reward
    return plain - shaping.subtract_per_step * length

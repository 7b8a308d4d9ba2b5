"""What the live lanes have gathered so far, by position in the window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.engine.tally import Tally
from seedcast.services.worker.environments.base import Observations
from seedcast.shared.protocol import RewardShaping, UnitHeader

Vector = NDArray[np.float64]


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

    def clear(self, positions: NDArray[np.intp]) -> None:
        """Begin episodes."""
        for array in self._arrays:
            array[positions] = 0

    def move(self, sources: NDArray[np.intp], targets: NDArray[np.intp]) -> None:
        """Move running episodes."""
        for array in self._arrays:
            array[targets] = array[sources]

    def store(
        self,
        positions: NDArray[np.intp],
        terminating_rewards: NDArray[np.float64],
        tally: Tally,
        rollouts: NDArray[np.int32],
    ) -> None:
        """Hand ended episodes to the tally; a reward that did not terminate its episode is NaN."""
        plain, lengths = self._returns[positions], self.lengths[positions]
        tally.returns[rollouts] = plain
        tally.fitness[rollouts] = shaped(self._shaping, plain, lengths, terminating_rewards)
        tally.lengths[rollouts] = lengths
        if tally.sums is not None and tally.squares is not None:
            tally.sums[rollouts] = self._sums[positions]
            tally.squares[rollouts] = self._squares[positions]


def shaped(
    shaping: RewardShaping, plain: Vector, lengths: NDArray[np.int32], terminating_rewards: Vector
) -> Vector:
    """Return the fitness ``(n,)`` of episodes of plain returns ``(n,)``; NaN is no terminating reward.

    All options change sums only, so they are worked out once an episode instead of once a step.
    """
    drop = shaping.drop_terminal_penalty
    if drop is not None:
        plain = np.where(terminating_rewards <= -drop, plain - terminating_rewards, plain)
    if shaping.finish_bonus:
        plain = np.where(terminating_rewards > shaping.finish_above, plain + shaping.finish_bonus, plain)
    return plain - shaping.subtract_per_step * lengths

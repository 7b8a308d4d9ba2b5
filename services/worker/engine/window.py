"""A moving window of live lanes: when an episode ends, the next rollout takes its place.

The live lanes are always the first ``live`` positions of every array, so that a step is a few operations on
contiguous memory, about 1 µs a lane beside the environment and the policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.worker.engine.accumulators import Accumulators
from services.worker.engine.action_noise import ActionNoise
from services.worker.engine.tally import Tally
from services.worker.environments.base import LaneFailure, Lanes, Observations
from services.worker.environments.spaces import Observation
from shared.policies.base import Policy
from shared.protocol import Unit
from shared.spec.environment import EnvironmentDescription

_NO_LIMIT = 2**31 - 1

LARGEST_RETURN = 1e30
"""Beyond it a return is a fault of the environment: squares of such numbers, and sums of those, would overflow."""


class Window:
    """Runs the rollouts ``start`` to ``start + count - 1`` of a unit; lane ``i`` is rollout ``start + i``."""

    def __init__(
        self,
        unit: Unit,
        policy: Policy,
        description: EnvironmentDescription,
        lanes: Lanes,
        tally: Tally,
        start: int,
        count: int,
    ) -> None:
        width = min(lanes.width, count)
        size = description.observation_size
        self._unit = unit
        self._lanes = lanes
        self._tally = tally
        self._start = start
        self._waiting = iter(range(count))
        self._head = policy.head
        self._policy = policy.lanes(width)
        noise = policy.spec.action_noise
        self._noise = ActionNoise(noise, width, policy.head.outputs) if noise else None
        self._limit = min(description.max_episode_steps, unit.header.max_episode_steps or _NO_LIMIT)
        self._live = 0
        self._lane = np.zeros(width, np.int32)
        self._observations = np.zeros((width, size), np.float32)
        self._failed = np.zeros(width, np.bool_)
        self._sums = Accumulators(unit.header, width, size)

    def run(self) -> None:
        """Run until every rollout has ended."""
        while self._live < len(self._lane) and self._begin(self._live):
            self._live += 1
        while self._live:
            self._step()

    def _step(self) -> None:
        live = self._live
        observations = self._observations[:live]
        self._sums.observe(observations)
        actions = self._act(observations)
        after, rewards, terminated, truncated = self._lanes.step(self._lane[:live], actions)
        self._sums.reward(rewards)
        if not (_finite(after) and _finite(rewards)):
            self._blame(after, rewards)
        over = terminated | truncated | self._failed[:live] | (self._sums.lengths[:live] >= self._limit)
        self._observations[:live] = after
        if over.any():
            self._replace(over, rewards, terminated)

    def _act(self, observations: Observations) -> NDArray[Any]:
        if self._unit.normaliser is not None:
            observations = self._unit.normaliser(observations)
        outputs = self._policy.outputs(observations)
        if self._noise is not None:
            outputs = outputs + self._noise.draw(len(outputs))
        if not _finite(outputs):
            for position in np.flatnonzero(~np.isfinite(outputs).all(axis=1)).tolist():
                self._fail(position, LaneFailure("invalid", "the policy's output is not finite"))
                outputs[position] = 0  # its neighbours still have to be stepped
        return self._head(outputs)

    def _blame(self, after: Observations, rewards: NDArray[Any]) -> None:
        good = np.logical_and.reduce(np.isfinite(after), axis=1)
        for position in np.flatnonzero(~(good & np.isfinite(rewards))).tolist():
            step = self._sums.lengths[position]
            what = f"reward is {rewards[position]}" if good[position] else "observation is not finite"
            reason = LaneFailure("invalid", f"the {what} at step {step}")
            self._fail(position, self._lanes.failures.get(int(self._lane[position]), reason))

    def _fail(self, position: int, failure: LaneFailure) -> None:
        if not self._failed[position]:
            self._failed[position] = True
            self._tally.fail(self._start + int(self._lane[position]), failure)

    def _replace(self, over: NDArray[np.bool_], rewards: NDArray[Any], terminated: NDArray[np.bool_]) -> None:
        # From the last one down, so that whatever is moved into a gap is still running.
        for position in np.flatnonzero(over)[::-1].tolist():
            self._end(position, float(rewards[position]) if terminated[position] else None)
            if not self._begin(position):
                self._live -= 1
                self._move(self._live, position)

    def _end(self, position: int, terminating_reward: float | None) -> None:
        lane = int(self._lane[position])
        self._lanes.finish(lane)
        if not self._failed[position]:
            self._sums.store(position, terminating_reward, self._tally, self._start + lane)
            self._refuse_absurd(position, self._start + lane)

    def _refuse_absurd(self, position: int, rollout: int) -> None:
        tally = self._tally
        for name, value in (("return", tally.returns[rollout]), ("fitness", tally.fitness[rollout])):
            if not abs(value) <= LARGEST_RETURN:  # false of NaN too
                self._fail(
                    position, LaneFailure("invalid", f"the {name} {value:.3g} is beyond ±{LARGEST_RETURN:g}")
                )
                tally.returns[rollout] = tally.fitness[rollout] = np.nan
                tally.lengths[rollout] = 0
                return

    def _begin(self, position: int) -> bool:
        """Start the next rollout that can be started at all; False if none is left."""
        for lane in self._waiting:
            observation = self._lanes.reset(np.array([lane], np.int32))[0]
            self._lane[position] = lane
            self._failed[position] = False
            if _finite(observation):
                self._load(position, observation)
                return True
            reason = LaneFailure("invalid", "the first observation is not finite")
            self._fail(position, self._lanes.failures.get(lane, reason))
            self._lanes.finish(lane)
        return False

    def _load(self, position: int, observation: Observation) -> None:
        row = self._unit.rows[self._start + int(self._lane[position])]
        self._policy.load(position, self._unit.parameters[row])
        if self._noise is not None:
            self._noise.begin(position, int(self._unit.seeds[self._start + int(self._lane[position])]))
        self._observations[position] = observation
        self._sums.clear(position)

    def _move(self, source: int, target: int) -> None:
        if source == target:
            return
        self._policy.move(source, target)
        if self._noise is not None:
            self._noise.move(source, target)
        self._sums.move(source, target)
        for array in (self._lane, self._observations, self._failed):
            array[target] = array[source]


def _finite(values: NDArray[Any]) -> bool:
    return bool(np.logical_and.reduce(np.isfinite(values), axis=None))  # half the price of .all()

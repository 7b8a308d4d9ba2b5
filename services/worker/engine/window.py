"""A moving window of live lanes: when an episode ends, the next rollout takes its place.

The live lanes are always the first ``live`` positions of every array, so that a step is a few operations on
contiguous memory. Episodes begin, end and move in groups: where they last only a few steps, a loop over them in
Python would cost more than their steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.engine.accumulators import Accumulators
from seedcast.services.worker.engine.acting import Acting
from seedcast.services.worker.engine.action_noise import ActionNoise
from seedcast.services.worker.engine.tally import Tally
from seedcast.services.worker.environments.base import LaneFailure, Lanes, Observations
from seedcast.shared.policies.base import Policy
from seedcast.shared.protocol import Unit
from seedcast.shared.spec.environment import EnvironmentDescription

Positions = NDArray[np.intp]

_NO_LIMIT = 2**31 - 1

LARGEST_RETURN = 1e30
"""Beyond it a return is a fault of the environment: squares of such numbers, and sums of those, would overflow."""

POLICY_BYTES = 2**20
"""About what the parameters of the live lanes may take of a core's cache, where the environments leave room."""

FEW_LANES = 16
"""So many are live whatever their parameters take."""


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
        members = Acting(unit, policy)
        width = min(lanes.width, count, max(FEW_LANES, POLICY_BYTES // (4 * members.numbers)))
        size = description.observation_size
        self._unit = unit
        self._lanes = lanes
        self._tally = tally
        self._start = start
        self._next = 0
        self._count = count
        self._head = policy.head
        self._members = members
        self._policy = members.lanes(width)
        noise = policy.spec.action_noise
        self._noise = ActionNoise(noise, width, policy.head.outputs) if noise else None
        self._limit = min(description.max_episode_steps, unit.header.max_episode_steps or _NO_LIMIT)
        self._live = 0
        self._lane = np.zeros(width, np.int32)
        self._observations = np.zeros((width, size), np.float32)
        self._failed = np.zeros(width, np.bool_)
        self._sums = Accumulators(unit.header, width, size)

    def run(self, check: Callable[[], None] = lambda: None) -> None:
        """Run until every rollout has ended, or until ``check``, called before every step, raises."""
        self._live = self._begin(np.arange(len(self._lane)))
        while self._live:
            check()
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
            self._replace(np.flatnonzero(over), np.where(terminated, rewards, np.nan))

    def _act(self, observations: Observations) -> NDArray[Any]:
        if self._unit.normaliser is not None:
            observations = self._unit.normaliser(observations)
        outputs = self._policy.outputs(observations)
        if self._noise is not None:
            outputs = outputs + self._noise.draw(len(outputs))
        if not _finite(outputs):
            for position in np.flatnonzero(~_finite_rows(outputs)).tolist():
                self._fail(position, LaneFailure("invalid", "the policy's output is not finite"))
                outputs[position] = 0  # its neighbours still have to be stepped
        return self._head(outputs)

    def _blame(self, after: Observations, rewards: NDArray[Any]) -> None:
        good = _finite_rows(after)
        for position in np.flatnonzero(~(good & np.isfinite(rewards))).tolist():
            step = self._sums.lengths[position]
            what = f"reward is {rewards[position]}" if good[position] else "observation is not finite"
            reason = LaneFailure("invalid", f"the {what} at step {step}")
            self._fail(position, self._lanes.failures.get(int(self._lane[position]), reason))

    def _fail(self, position: int, failure: LaneFailure) -> None:
        if not self._failed[position]:
            self._failed[position] = True
            self._tally.fail(self._start + int(self._lane[position]), failure)

    def _replace(self, ended: Positions, terminating_rewards: NDArray[np.float64]) -> None:
        self._end(ended, terminating_rewards[ended])
        gaps = ended[self._begin(ended) :]
        if len(gaps):
            self._close(gaps)

    def _end(self, ended: Positions, terminating_rewards: NDArray[np.float64]) -> None:
        for lane in self._lane[ended].tolist():
            self._lanes.finish(lane)
        whole = ~self._failed[ended]
        positions = ended[whole]
        rollouts = self._start + self._lane[positions]
        self._sums.store(positions, terminating_rewards[whole], self._tally, rollouts)
        self._refuse_absurd(positions, rollouts)

    def _refuse_absurd(self, positions: Positions, rollouts: NDArray[np.int32]) -> None:
        tally = self._tally
        for name, values in (("return", tally.returns), ("fitness", tally.fitness)):
            absurd = ~(np.abs(values[rollouts]) <= LARGEST_RETURN)  # true of NaN too
            for position, rollout in zip(positions[absurd].tolist(), rollouts[absurd].tolist(), strict=True):
                reason = f"the {name} {values[rollout]:.3g} is beyond ±{LARGEST_RETURN:g}"
                self._fail(position, LaneFailure("invalid", reason))
        failed = rollouts[self._failed[positions]]
        tally.returns[failed] = tally.fitness[failed] = np.nan
        tally.lengths[failed] = 0

    def _begin(self, positions: Positions) -> int:
        """Start the next rollouts that can be started at all, and return how many positions they fill."""
        begun = 0
        while begun < len(positions) and self._next < self._count:
            lanes = np.arange(self._next, min(self._next + len(positions) - begun, self._count), dtype=np.int32)
            self._next += len(lanes)
            observations = self._lanes.reset(lanes)
            good = _finite_rows(observations)
            for lane in lanes[~good].tolist():
                reason = LaneFailure("invalid", "the first observation is not finite")
                self._tally.fail(self._start + lane, self._lanes.failures.get(lane, reason))
                self._lanes.finish(lane)
            ready = int(good.sum())
            self._load(positions[begun : begun + ready], lanes[good], observations[good])
            begun += ready
        return begun

    def _load(self, positions: Positions, lanes: NDArray[np.int32], observations: Observations) -> None:
        rollouts = self._start + lanes
        self._policy.load(positions, self._members.rows(self._unit.rows[rollouts]))
        if self._noise is not None:
            self._noise.begin(positions, self._unit.seeds[rollouts])
        self._lane[positions] = lanes
        self._failed[positions] = False
        self._observations[positions] = observations
        self._sums.clear(positions)

    def _close(self, gaps: Positions) -> None:
        """Move the last of the running episodes into the gaps before them."""
        running = np.ones(self._live, np.bool_)
        running[gaps] = False
        self._live -= len(gaps)
        sources = np.flatnonzero(running[self._live :]) + self._live
        targets = gaps[: len(sources)]  # those below the new end, of which there are as many
        if not len(sources):
            return
        self._policy.move(sources, targets)
        if self._noise is not None:
            self._noise.move(sources, targets)
        self._sums.move(sources, targets)
        for array in (self._lane, self._observations, self._failed):
            array[targets] = array[sources]


def _finite(values: NDArray[Any]) -> bool:
    return bool(np.logical_and.reduce(np.isfinite(values), axis=None))  # half the price of .all()


def _finite_rows(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_and.reduce(np.isfinite(values), axis=1))

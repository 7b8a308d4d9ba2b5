"""Where the time of a step goes: environment, resets, policy, the engine's own Python, encoding."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.engine.tally import Tally
from seedcast.services.worker.engine.window import Window
from seedcast.services.worker.environments.base import LaneFailure, Lanes, Observations, Step
from seedcast.services.worker.environments.registry import describe, open_lanes
from seedcast.shared.low_rank import LowRank
from seedcast.shared.policies.base import FloatArray, LaneIndex, Policy, PolicyLanes
from seedcast.shared.protocol import Unit, UnitResult
from seedcast.shared.spec.environment import ActionSpace
from seedcast.shared.spec.policy import build_policy

T = TypeVar("T")
PARTS = ("environment", "resets", "policy", "engine", "encoding")


class Clock:
    """Seconds by part."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)

    def time(self, part: str, work: Callable[[], T]) -> T:
        """Count what ``work`` takes."""
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds[part] += time.perf_counter() - started


class TimedLanes:
    """Lanes whose calls are timed; making and dropping them counts as resets."""

    def __init__(self, lanes: Lanes, clock: Clock) -> None:
        self._lanes, self._clock = lanes, clock
        self.width = lanes.width
        self.failures: dict[int, LaneFailure] = lanes.failures

    def reset(self, lanes: NDArray[np.int32]) -> Observations:
        """Reset."""
        return self._clock.time("resets", lambda: self._lanes.reset(lanes))

    def step(self, lanes: NDArray[np.int32], actions: NDArray[Any]) -> Step:
        """Step."""
        return self._clock.time("environment", lambda: self._lanes.step(lanes, actions))

    def finish(self, lane: int) -> None:
        """Finish."""
        self._lanes.finish(lane)

    def close(self) -> None:
        """Close."""
        self._clock.time("resets", self._lanes.close)


class TimedPolicy(Policy):
    """A policy whose work is timed."""

    def __init__(self, policy: Policy, actions: ActionSpace, clock: Clock) -> None:
        super().__init__(policy.spec, policy.observation_size, actions)
        self.layout = policy.layout
        self._policy, self._clock = policy, clock

    def lanes(self, width: int) -> PolicyLanes:
        """Return timed lanes."""
        return TimedPolicyLanes(self._policy.lanes(width), self._clock)

    def perturbed_lanes(self, width: int, mean: FloatArray, low_rank: LowRank) -> PolicyLanes | None:
        """Return timed lanes around a mean, if the policy has such."""
        lanes = self._policy.perturbed_lanes(width, mean, low_rank)
        return TimedPolicyLanes(lanes, self._clock) if lanes else None


class TimedPolicyLanes(PolicyLanes):
    """A policy at work, timed."""

    def __init__(self, lanes: PolicyLanes, clock: Clock) -> None:
        self._lanes, self._clock = lanes, clock

    def load(self, lanes: LaneIndex, parameters: FloatArray) -> None:
        """Load."""
        self._clock.time("policy", lambda: self._lanes.load(lanes, parameters))

    def move(self, sources: LaneIndex, targets: LaneIndex) -> None:
        """Move."""
        self._clock.time("policy", lambda: self._lanes.move(sources, targets))

    def outputs(self, observations: FloatArray) -> FloatArray:
        """Act."""
        return self._clock.time("policy", lambda: self._lanes.outputs(observations))


def microseconds_per_step(unit: Unit) -> dict[str, float]:
    """Return what a step of ``unit`` takes by part, in µs of one core.

    Raises:
        AssertionError: what was timed came to something else than the engine's own run.
    """
    expected = run_unit(unit)  # warms up, too
    clock = Clock()
    frame = clock.time("encoding", unit.to_frame)
    received = clock.time("encoding", lambda: Unit.from_frame(frame))
    started = time.perf_counter()
    result = _run(received, clock)
    whole = time.perf_counter() - started
    reply = clock.time("encoding", result.to_frame)
    clock.time("encoding", lambda: UnitResult.from_frame(reply, len(unit)))
    seconds = clock.seconds
    seconds["engine"] = whole - seconds["environment"] - seconds["resets"] - seconds["policy"]
    np.testing.assert_array_equal(result.returns, expected.returns)
    steps = int(result.lengths.sum())
    return {part: 1e6 * spent / steps for part, spent in seconds.items()}


def _run(unit: Unit, clock: Clock) -> UnitResult:
    """Do what `run_unit` does, with timed parts."""
    spec = unit.header.rollouts.environment
    description = describe(spec)
    policy = TimedPolicy(build_policy(unit.header.rollouts.policy, description), description.actions, clock)
    tally = Tally(len(unit), None)
    lanes = clock.time("resets", lambda: open_lanes(spec, unit.seeds.tolist()))
    with closing(TimedLanes(lanes, clock)) as timed:
        Window(unit, policy, description, timed, tally, 0, len(unit)).run()
    return tally.result(0.0)


def table(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    """Return a table of jobs and parts."""
    head = f"| job | {' | '.join(PARTS)} |\n| --- |{' ---: |' * len(PARTS)}"
    lines = [f"| {name} | {' | '.join(f'{parts[part]:,.2f}' for part in PARTS)} |" for name, parts in rows]
    return "\n".join([head, *lines])

"""Finds out whether an environment follows its seed, by running the same short episode twice.

Everything else leans on it: results that do not depend on the fleet, retries, hedges, models that re-evaluate.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.environments.base import ANY_NUMBER
from seedcast.services.worker.environments.registry import lanes_at_once, open_lanes
from seedcast.shared.policies.actions import action_head
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec

STEPS = 32
SECONDS = 5.0
"""For one of at most `PROBE_EPISODES`: of a slow environment fewer steps are compared."""

SEED, OTHER_SEED = 1, 2


@dataclass(frozen=True)
class Moment:
    """What came of one step, or of a reset (the only one with no reward)."""

    observation: bytes
    reward: float | None
    terminated: bool = False
    truncated: bool = False
    failed: bool = False

    def difference(self, other: Moment, step: int) -> str | None:
        """Say, in words, how the same step of another episode differs."""
        where = f"after step {step}" if step else "at its start"
        if self.failed != other.failed:
            return f"one of two episodes with one seed fails {where}"
        if self.observation != other.observation:
            return f"the observations of two episodes with one seed differ {where}"
        if np.float64(self.reward or 0.0).tobytes() != np.float64(other.reward or 0.0).tobytes():
            return f"the rewards of two episodes with one seed differ {where}: {self.reward} and {other.reward}"
        if (self.terminated, self.truncated) != (other.terminated, other.truncated):
            return f"one of two episodes with one seed ends {where}"
        return None


def seed_fault(spec: EnvironmentSpec, description: EnvironmentDescription) -> str | None:
    """Say how an environment does not follow its seed; None where nothing of that is seen.

    Between the two episodes stands one of another seed, in case that something is kept from one to the next. A
    third one runs beside that of another seed, where the environment's author says that it may.
    """
    first = list(_within(SECONDS, episode(spec, description, SEED)))
    list(islice(episode(spec, description, OTHER_SEED), len(first)))
    again = list(islice(episode(spec, description, SEED), len(first)))
    if (found := difference(first, again)) or not _side_by_side(spec):
        return found
    beside = list(islice(episode(spec, description, SEED, beside=OTHER_SEED), len(first)))
    found = difference(first, beside)
    return f"beside another episode, as its side_by_side allows, {found}" if found else None


def _side_by_side(spec: EnvironmentSpec) -> bool:
    if lanes_at_once(spec) < ANY_NUMBER:
        return False  # EnvPool's always are, which its authors saw to and our contract holds them to
    with closing(open_lanes(spec, [SEED])) as lanes:
        return lanes.width > 1


def difference(first: Sequence[Moment], again: Sequence[Moment]) -> str | None:
    """Say where two episodes part, if they do."""
    pairs = enumerate(zip(first, again, strict=False))
    return next((found for step, (one, other) in pairs if (found := one.difference(other, step))), None)


def episode(
    spec: EnvironmentSpec,
    description: EnvironmentDescription,
    seed: int,
    steps: int = STEPS,
    beside: int | None = None,
) -> Iterator[Moment]:
    """Run an episode of at most ``steps`` steps with actions drawn from a generator of its own.

    ``beside`` is the seed of another one that begins just after it, and takes the same actions just before it.
    """
    head = action_head(description.actions, None)
    draws = np.random.Generator(np.random.Philox(SEED))
    with closing(open_lanes(spec, [seed] if beside is None else [seed, beside])) as lanes:
        live = [0] if beside is None else [1, 0]
        observations = lanes.reset(np.array(live[::-1], np.int32))[::-1]
        over = np.array([lane in lanes.failures for lane in live])
        yield Moment(observations[-1].tobytes(), None, failed=0 in lanes.failures)
        for _ in range(steps):
            if over[-1]:
                break
            if over[0]:
                lanes.finish(live.pop(0))
            actions: NDArray[Any] = head(draws.standard_normal((1, head.outputs), dtype=np.float32))
            step = lanes.step(np.array(live, np.int32), np.repeat(actions, len(live), axis=0))
            observations, rewards, terminated, truncated = step
            over = terminated | truncated | [lane in lanes.failures for lane in live]
            ends = bool(terminated[-1]), bool(truncated[-1])
            yield Moment(observations[-1].tobytes(), float(rewards[-1]), *ends, failed=0 in lanes.failures)
        for lane in live:
            lanes.finish(lane)


def _within(seconds: float, moments: Iterator[Moment]) -> Iterator[Moment]:
    deadline = time.monotonic() + seconds
    for moment in moments:
        yield moment
        if time.monotonic() > deadline:
            return

"""What an environment engine gives the rollout engine: lanes, one per rollout.

An episode is a pure function of (specification, seed, actions). Engines make it so by giving every rollout a
lane of its own, made fresh from the rollout's seed and never used twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec

Observations = NDArray[np.float32]
"""``(n, observation_size)``, flattened and raw."""

Picture = NDArray[np.uint8]
"""``(height, width, 3)``: red, green and blue."""

Step = tuple[Observations, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]
"""Observations, rewards ``(n,)``, terminated ``(n,)``, truncated ``(n,)``."""

DEFAULT_MAX_EPISODE_STEPS = 10_000
"""The limit of an environment that has none of its own, where the specification gives none either."""

DEFAULT_STEPS_PER_SECOND = 30
"""Of an environment that does not say how many make a second of what it simulates."""

PROBE_EPISODES = 5
"""Short ones by which a description finds out whether seeds are followed: three in turn, and two side by side."""

ANY_NUMBER = 1_000_000
"""Of lanes that take no memory before their episodes start; no unit holds more rollouts."""


@dataclass(frozen=True)
class LaneFailure:
    """Why one lane broke; its rollout has no result, its neighbours go on."""

    kind: Literal["exception", "invalid", "memory"]
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Name what an environment raised."""
        message = f"{type(error).__name__}: {error}"
        return cls("memory" if isinstance(error, MemoryError) else "exception", message)


class Lanes(Protocol):
    """The lanes of one unit. Lane ``i`` is seeded by the unit's ``i``-th seed and runs one episode."""

    width: int
    """How many lanes may be live (reset and not yet finished) at once."""

    failures: dict[int, LaneFailure]
    """By lane. A broken lane answers with an observation of NaN, so that only bad steps are looked into."""

    def reset(self, lanes: NDArray[np.int32]) -> Observations:
        """Start the episodes of ``lanes (n,)``."""
        ...

    def step(self, lanes: NDArray[np.int32], actions: NDArray[Any]) -> Step:
        """Step ``lanes (n,)`` with ``actions (n, ...)``; no other lane moves."""
        ...

    def finish(self, lane: int) -> None:
        """Let go of a lane, which will not be stepped again."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class DrawnLanes(Lanes, Protocol):
    """Lanes that can be looked at, which those of all our engines can."""

    def film(self) -> None:
        """Have `picture` show the episodes that begin from now on."""
        ...

    def picture(self, lane: int) -> Picture | None:
        """Return what a live lane looks like now; None where its environment draws no pictures."""
        ...

    def steps_per_second(self, lane: int) -> float:
        """Return how many steps of a live lane make a second of what it simulates."""
        ...


class Engine(Protocol):
    """A library that runs environments."""

    name: ClassVar[str]

    def available(self) -> frozenset[str]:
        """Return the ids of the environments that this engine runs here."""
        ...

    def takes(self, spec: EnvironmentSpec) -> bool:
        """Say, of an available environment, whether the engine may accept its kwargs."""
        ...

    def describe(self, spec: EnvironmentSpec) -> EnvironmentDescription:
        """Say what an environment observes and takes.

        Raises:
            InvalidInput: the kwargs are wrong, or the environment is of a kind that no policy can act in.
        """
        ...

    def lanes_at_once(self, spec: EnvironmentSpec) -> int:
        """Return how many lanes may be open together, live or not: what they take of memory bounds it."""
        ...

    def open_lanes(
        self, spec: EnvironmentSpec, description: EnvironmentDescription, seeds: Sequence[int]
    ) -> DrawnLanes:
        """Make one lane per seed of an environment that `describe` has described."""
        ...

"""A batch: the rollouts of one generation or of one test, and the arrays their results land in.

Rollouts are numbered member by member: rollout ``i`` is episode ``i % episodes`` of member ``i // episodes``.
A unit is a range of those numbers. Results land by number, so arrival order leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.errors import SeedcastError
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.perturbations import Members
from seedcast.shared.protocol import Failure, Unit, UnitHeader, UnitResult
from seedcast.shared.protocol.members import header_fields

MembersOf = Callable[[int, int], Members]
"""Maps a range of members (start, stop) to their parameters ``(stop - start, dimension)`` as a unit has them."""


class BatchFailed(SeedcastError):
    """The environment fails everywhere; the message is the worker's."""

    title = "Batch failed"


@dataclass(frozen=True)
class Batch:
    """What to roll out."""

    experiment: str
    header: UnitHeader
    members: MembersOf
    seeds: NDArray[np.int32]
    """``(members, episodes)``"""
    normaliser: Normaliser | None = None
    background: bool = False
    """A test: it fills the gaps that training leaves."""
    fingerprint: str | None = None
    """Only workers with this fingerprint may compute any of it; None: all."""
    share: float = 1.0
    """Its experiment's weight beside the others that want the same slots."""

    def __len__(self) -> int:
        return int(self.seeds.size)

    @cached_property
    def dimension(self) -> int:
        """Return how many parameters a member has."""
        return int(self.members(0, 1).shape[1])

    def most_rollouts(self, size: int) -> int:
        """Return how many rollouts a unit may have so that its members take ``size`` bytes, with one at least."""
        members = max(1, size // (4 * self.dimension))
        return members * int(self.seeds.shape[1])

    def unit(self, rollouts: range) -> Unit:
        """Return the unit that computes ``rollouts``."""
        episodes = self.seeds.shape[1]
        first = rollouts.start // episodes
        last = (rollouts.stop - 1) // episodes
        members = self.members(first, last + 1)
        return Unit(
            header=self.header.model_copy(update=header_fields(members)),
            parameters=members,
            rows=(np.arange(rollouts.start, rollouts.stop) // episodes - first).astype(np.int32),
            seeds=self.seeds.ravel()[rollouts.start : rollouts.stop],
            normaliser=self.normaliser,
        )


@dataclass
class BatchResult:
    """What the rollouts came to, by number. A rollout that was given up has NaN, length 0 and a failure."""

    returns: NDArray[np.float64]
    fitness: NDArray[np.float64]
    lengths: NDArray[np.int32]
    observation_sums: NDArray[np.float64] | None = None
    """``(rollouts, observation_size)``"""
    observation_squares: NDArray[np.float64] | None = None
    failures: dict[int, Failure] = field(default_factory=dict)
    """By rollout number."""
    retried: int = 0
    """Rollouts sent more than once."""
    lost: int = 0
    """Units whose worker was lost with them."""
    hedged: int = 0
    """Units also sent to a second worker, as the first took long."""
    fingerprints: set[str] = field(default_factory=set)
    """Of the workers whose replies counted."""
    core_seconds: float = 0.0
    """How long slots worked on it, added up; what did not count in the end is in it."""

    @classmethod
    def empty(cls, rollouts: int) -> Self:
        """Return the result of nothing yet."""
        return cls(np.full(rollouts, np.nan), np.full(rollouts, np.nan), np.zeros(rollouts, np.int32))

    @property
    def mean_length(self) -> float:
        """Mean steps of the rollouts that have a result; 0 where none has."""
        lengths = self.lengths[~np.isnan(self.returns)]
        return float(lengths.mean()) if len(lengths) else 0.0

    def store(self, rollouts: range, result: UnitResult, counted: Sequence[int] | None = None) -> None:
        """Put the result of a unit in its place; what failed, or does not count, is left as it is."""
        self.core_seconds += result.busy_seconds
        good: slice | NDArray[np.intp]
        target: slice | NDArray[np.intp]
        if not result.failures and (counted is None or len(counted) == len(rollouts)):
            good, target = slice(None), slice(rollouts.start, rollouts.stop)
        else:
            failed = [index for failure in result.failures for index in failure.rollouts]
            among = np.arange(len(rollouts)) if counted is None else np.array(counted, np.intp) - rollouts.start
            good = np.setdiff1d(among, failed)
            target = good + rollouts.start
        self.returns[target] = result.returns[good]
        self.fitness[target] = result.fitness[good]
        self.lengths[target] = result.lengths[good]
        if result.observation_sums is not None and result.observation_squares is not None:
            if self.observation_sums is None or self.observation_squares is None:
                shape = (len(self.returns), result.observation_sums.shape[1])
                self.observation_sums, self.observation_squares = np.zeros(shape), np.zeros(shape)
            self.observation_sums[target] = result.observation_sums[good]
            self.observation_squares[target] = result.observation_squares[good]

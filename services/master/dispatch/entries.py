"""What stands in the ledger: workers, jobs, and what was sent; and the answers it gives."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field

from shared.protocol import Failure


@dataclass(frozen=True)
class Limits:
    """How large units may be."""

    unit_seconds: float = 2.0
    """What a unit should take: long enough to hide a request, short enough for a pod with 15 s to live."""
    minimum_unit_seconds: float = 0.05
    """What a unit must take before a generation's end may shrink it further."""
    first_unit_rollouts: int = 4
    """Units of an experiment whose speed is not known yet."""


@dataclass(frozen=True)
class Send:
    """Instruction: send these rollouts of a job to a worker."""

    unit: int
    job: int
    rollouts: range
    worker: str


@dataclass(frozen=True)
class Outcome:
    """What a unit's reply changed."""

    stored: bool
    """False: the reply is late (its unit was sent again elsewhere, or its job is gone); drop it."""
    given_up: dict[int, Failure] = field(default_factory=dict)
    """Rollouts that will not be tried again, by number."""
    hopeless: Failure | None = None
    """Set where the whole job must fail, with the reason."""


@dataclass
class WorkerEntry:
    """A worker: what it can hold, and what it holds."""

    slots: int
    in_flight: int = 0

    @property
    def capacity(self) -> int:
        """Units it may hold: its slots and a few in its queue, so that no slot waits for a request."""
        return self.slots + math.ceil(self.slots / 4) if self.slots else 0

    @property
    def load(self) -> float:
        """Units in flight for each slot."""
        return self.in_flight / self.slots


@dataclass
class JobEntry:
    """A job: where each of its rollouts is."""

    experiment: str
    background: bool
    rollouts: int
    pending: deque[range]
    alone: deque[tuple[int, str]] = field(default_factory=deque)
    """Suspects, each to be run alone, with the worker it failed on."""
    in_flight: int = 0
    done: int = 0
    given_up: int = 0
    attempts: Counter[int] = field(default_factory=Counter)
    """Failures of a rollout that ran alone."""
    losses: Counter[int] = field(default_factory=Counter)
    """Losses of the unit that begins with a rollout."""
    most_seconds: float = math.inf
    """No unit should take longer than this."""

    @property
    def suspects_first(self) -> bool:
        """Whether to find out about suspects before anything else: nothing has ever worked yet."""
        return not self.done and bool(self.alone)

    @property
    def waiting(self) -> int:
        """Rollouts to be sent."""
        return sum(map(len, self.pending)) + len(self.alone)

    def work_for(self, worker: str, alternatives: bool) -> bool:
        """Whether there is anything for a worker: a suspect is left to another one, if there are others."""
        suspect = any(failed_on != worker or not alternatives for _, failed_on in self.alone)
        return suspect or (bool(self.pending) and not self.suspects_first)

    @property
    def finished(self) -> bool:
        """Whether every rollout is done or given up."""
        return self.done + self.given_up == self.rollouts

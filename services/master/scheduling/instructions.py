"""What goes into and comes out of the ledger, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from shared.protocol import Failure


@dataclass(frozen=True)
class Limits:
    """How large units may be, and how many a worker may hold."""

    unit_seconds: float = 2.0
    """What a unit should take: long enough to hide a request, short enough for a pod with 15 s to live."""
    minimum_unit_seconds: float = 0.2
    """A generation's end shrinks units no further: short ones leave lanes idle while their last episodes end."""
    first_unit_rollouts: int = 4
    """Units of an experiment whose speed is not known yet."""
    request_seconds: float = 0.0005
    """What a unit costs the master, until that is measured: with many slots, units must be large enough for it."""
    first_window: float = 0.25
    """Slow start: the share of its capacity that a new worker may hold; whatever it answers adds as much."""


@dataclass(frozen=True)
class Send:
    """Instruction: send these rollouts of a job to a worker."""

    unit: int
    job: int
    rollouts: range
    worker: str
    slots: int = 1
    """The worker splits it over so many of its slots."""
    hedge: bool = False
    """The rollouts are in flight elsewhere already; the first valid reply wins."""

    @property
    def rounds(self) -> int:
        """Rollouts that the busiest of its slots does one after another."""
        return math.ceil(len(self.rollouts) / self.slots)


@dataclass(frozen=True)
class Outcome:
    """What an event changed, and what is to be done about it."""

    job: int | None = None
    """The job it is about; None where there is none any more."""
    counted: tuple[int, ...] = ()
    """Rollouts whose results in this reply count. The others are late: they have been settled before."""
    given_up: dict[int, Failure] = field(default_factory=dict)
    """Rollouts that will not be tried again, by number."""
    retried: int = 0
    """Rollouts that will be sent again."""
    cancel: tuple[int, ...] = ()
    """Units in flight that have become useless: all their rollouts have been settled by others."""
    hopeless: Failure | None = None
    """Set where the whole job must fail, with the reason."""
    complete: bool = False
    """Whether this was the last of the job."""

    @property
    def stored(self) -> bool:
        """Whether anything of the reply counts, or anything was given up."""
        return bool(self.counted or self.given_up or self.retried)


@dataclass
class Flight:
    """A unit in flight, and since when."""

    send: Send
    sent: float
    started: float | None
    """When it got a slot, as far as the ledger can tell; None while it waits in the worker's queue."""

    def age(self, now: float) -> float:
        """Return the seconds since it got a slot, or, where it waits for one, since it was sent."""
        return now - (self.sent if self.started is None else self.started)

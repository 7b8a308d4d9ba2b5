"""What the scheduler has done, as plain values; and a unit in flight."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from seedcast.shared.protocol import Failure


@dataclass(frozen=True)
class Send:
    """Send these rollouts of a job to a worker."""

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
class Settle:
    """File what the unit that was told of came to."""

    job: int
    counted: tuple[int, ...] = ()
    """Rollouts whose results in this reply count. The others are late: they have been settled before."""
    given_up: dict[int, Failure] = field(default_factory=dict)
    """Rollouts that will not be tried again, by number."""
    retried: int = 0
    """Rollouts that will be sent again."""
    lost: int = 0
    """1: the unit was lost with its worker, and its outcome is not known."""


@dataclass(frozen=True)
class Cancel:
    """Cancel a unit in flight: nobody needs it any more."""

    unit: int


@dataclass(frozen=True)
class Finish:
    """Every rollout of a job is done or given up."""

    job: int


@dataclass(frozen=True)
class Fail:
    """A job is hopeless."""

    job: int
    failure: Failure


Instruction = Send | Settle | Cancel | Finish | Fail


@dataclass
class Flight:
    """A unit in flight, and since when."""

    send: Send
    sent: float
    """Seconds of the scheduler's clock."""
    started: float | None
    """When it got a slot, as far as can be told; None while it waits in the worker's queue."""
    expected: float = 0.0
    """Seconds of slots that it was expected to take."""

    def age(self, now: float) -> float:
        """Return the seconds since it got a slot, or, where it waits for one, since it was sent."""
        return now - (self.sent if self.started is None else self.started)

    def worked(self, now: float) -> float:
        """Return the seconds that its slots have worked: none, where it waits for them."""
        return 0.0 if self.started is None else self.send.slots * (now - self.started)

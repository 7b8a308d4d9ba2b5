"""A worker of the pool: what it may hold, what it holds, how slow it is, how often it fails.

A new worker may fill its slots, and earns its queue unit by unit. One that fails again and again is set aside,
each time for longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from seedcast.services.master.scheduling.instructions import Flight
from seedcast.services.master.scheduling.tuning import Tuning

Alike = tuple[str, frozenset[str]]
"""Kind and offers: where both are equal jobs may use one worker as well as another."""


class PoolState(StrEnum):
    """What may be sent to a worker. Its slots, the clock and its answers move it; nothing else does."""

    AWAY = "away"
    """It has no slots for new units: it drains, or is down."""
    RESTING = "resting"
    """It is set aside until ``rest_until``."""
    USABLE = "usable"
    """It is sent what it has room for."""


@dataclass(eq=False)
class PoolWorker:
    """A worker as the scheduler sees it. To change one, take it from `Pool.change`."""

    name: str
    order: int
    """Older workers first, where all else is equal."""
    tuning: Tuning = field(default_factory=Tuning)
    slots: int = 0
    queue: int = 0
    """What it has room for beyond its slots."""
    kind: str = ""
    """Jobs that ask for another kind do not use it."""
    offers: frozenset[str] = frozenset()
    """Objectives: jobs that need another do not use it."""
    earned: float = 0.0
    """Slots and places of its queue that it may have taken by its own merits."""
    ceiling: float = math.inf
    """What it could hold when it last had no room for more."""
    slowness: float = 1.0
    """Relative slowness: 2.0 takes twice as long as the median worker."""
    queued: dict[int, Flight] = field(default_factory=dict)
    """Units that have no slot yet, oldest first."""
    taken: int = 0
    """Slots that its units take, or wait for in its queue."""
    waiting: int = 0
    """Those of them that units without a slot wait for."""
    wide: int = 0
    """Units among them that take several slots."""
    answered: bool = False
    """Whether it has answered any unit."""
    troubles: int = 0
    """Units lost or failed since the last that was answered well; those sent before the last such count as one."""
    troubled: float = -math.inf
    """When the last of them was."""
    rest_until: float = -math.inf
    """It is set aside until then."""
    why: str = ""
    """Why it was last sent something, or nothing."""

    @property
    def alike(self) -> Alike:
        """Whom it is like."""
        return self.kind, self.offers

    def state(self, now: float) -> PoolState:
        """Return what may be sent to it now."""
        if not self.slots:
            return PoolState.AWAY
        return PoolState.RESTING if now < self.rest_until else PoolState.USABLE

    @property
    def places(self) -> int:
        """Places of its queue that are used: more of them where units of several slots do not tell of each."""
        wide = self.wide and self.earned >= 2 * self.slots
        return self._places(self.tuning.wide_queue_share) if wide else self.places_for_single

    @property
    def places_for_single(self) -> int:
        """Places of its queue that are used while all its units take one slot."""
        return self._places(self.tuning.queue_share)

    def _places(self, share: float) -> int:
        return min(max(1, int(share * self.slots)), self.queue)

    @property
    def allowance(self) -> int:
        """Slots that units for it may take, or wait for, before it gets another one."""
        return min(self.slots + self.places, max(1, int(self.earned))) if self.slots else 0

    @property
    def room(self) -> int:
        """Slots that one more unit may take, or wait for: all that there is, or so much of it as it has earned."""
        all_earned = self.earned >= self.slots + self.places
        return max(1, (self.slots + self.queue if all_earned else int(self.earned)) - self.taken)

    @property
    def full(self) -> bool:
        """Whether every slot is taken, so that one more unit would wait in its queue."""
        return self.taken >= self.slots

    @property
    def idle_slots(self) -> int:
        """Slots that have nothing to do."""
        return max(0, self.slots - self.taken)

    @property
    def load(self) -> float:
        """Slots taken, for each that there is."""
        return self.taken / self.slots

    @property
    def speed(self) -> float:
        """Slots' worth of the median worker: 4 slots of relative slowness 2.0 have 2."""
        return self.slots / self.slowness

    def resize(self, slots: int, queue: int) -> None:
        """Have so many slots and such a queue; one that was away earns its queue anew."""
        back = slots and not self.slots
        self.slots, self.queue = slots, queue
        if back:
            self.ceiling = math.inf
            self.earned = max(1.0, self.tuning.first_share * slots)

    def depart(self, flight: Flight) -> None:
        """Note a unit that is sent to it."""
        self.taken += flight.send.slots
        self.wide += flight.send.slots > 1
        if flight.started is None:
            self.queued[flight.send.unit] = flight
            self.waiting += flight.send.slots

    def land(self, flight: Flight, now: float) -> None:
        """Note a unit that it holds no more; the first of its queue get the slots."""
        self.taken -= flight.send.slots
        self.wide -= flight.send.slots > 1
        if self.queued.pop(flight.send.unit, None):
            self.waiting -= flight.send.slots
        while self.queued and self.taken - self.waiting < self.slots:
            first = self.queued.pop(next(iter(self.queued)))
            first.started = now
            self.waiting -= first.send.slots

    def succeed(self, slots: int = 1) -> None:
        """A unit of so many slots was answered well: earn as many more, beyond what was too much once fewer."""
        self.answered = True
        self.troubles = 0
        more = float(slots) if self.earned < self.ceiling else slots / self.earned
        self.earned = min(self.earned + more, 2.0 * self.slots + 1)

    def fail(self, sent: float, now: float, *, may_rest: bool) -> None:
        """A unit was lost or failed, sent at ``sent``. What was sent before the last such tells nothing new."""
        if sent < self.troubled:
            return
        self.troubles += 1
        self.troubled = now
        self.earned = max(1.0, self.earned / 2)
        again = self.troubles - self.tuning.troubles_before_rest
        if may_rest and again >= 0:
            self.rest(now + min(self.tuning.rest_seconds * 2.0**again, self.tuning.longest_rest_seconds))

    def push_back(self, until: float) -> None:
        """It had no room for one more than it holds: leave it at that, and alone for a while."""
        self.earned = self.ceiling = max(1.0, float(self.taken))
        self.rest(until)

    def rest(self, until: float) -> None:
        """Set it aside."""
        self.rest_until = max(self.rest_until, until)

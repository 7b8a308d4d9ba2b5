"""How a worker stands with the ledger: what it may hold, what it holds, how fast it is, how often it fails.

A new worker starts slowly and earns its full capacity unit by unit. One that fails again and again is set aside,
each time for longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from services.master.scheduling.instructions import Flight

QUEUE_SHARE = 0.25
"""Beyond its slots a worker may hold a few units in its queue, so that no slot waits for a request."""

USUAL_QUEUE = 2
"""So many for a slot may wait in a worker that does not say."""

TROUBLES = 2
"""A worker in trouble this often, without a unit answered in between, is set aside."""

REST_SECONDS = 1.0
"""For how long, the first time; then twice as long, and so on."""

LONGEST_REST_SECONDS = 30.0


@dataclass(eq=False)
class PoolWorker:
    """A worker as the ledger sees it."""

    name: str
    order: int
    """Older workers first, where all else is equal."""
    slots: int = 0
    queue: int = 0
    """What it has room for beyond its slots."""
    kind: str = ""
    """Jobs that ask for another kind do not use it."""
    window: float = 0.0
    """How many slots and places of its queue it may have taken by its own merits."""
    ceiling: float = math.inf
    """What it could hold when it last had no room for more."""
    pace: float = 1.0
    """Seconds it takes for what takes a typical worker one."""
    flights: dict[int, Flight] = field(default_factory=dict)
    """Units it holds, oldest first: those that begin within the first ``slots`` of ``taken`` run."""
    taken: int = 0
    """Slots that these units take, or wait for in its queue."""
    wide: int = 0
    """Units among them that take several slots."""
    answered: int = 0
    """Units answered in all."""
    troubles: int = 0
    """Units lost or failed since the last that was answered well; those sent before the last such count as one."""
    troubled: float = -math.inf
    """When the last of them was."""
    rest_until: float = -math.inf
    """It is set aside until then."""
    version: int = 0
    """Counts changes; see `FreeWorkers`."""

    @property
    def capacity(self) -> int:
        """Slots that units for it may take, or wait for, before it gets another one."""
        return min(self._ample, max(1, int(self.window))) if self.slots else 0

    @property
    def _ample(self) -> int:
        """Its capacity once it has earned all of it."""
        return self.slots + self.places

    @property
    def places(self) -> int:
        """What of its queue is used."""
        return min(math.ceil(QUEUE_SHARE * self.slots), self.queue)

    @property
    def room(self) -> int:
        """Slots that one more unit may take, or wait for: all that there is, or so much of it as it has earned."""
        earned = self.slots + self.queue if self.window >= self._ample else int(self.window)
        return max(1, earned - self.taken)

    @property
    def full(self) -> bool:
        """Whether every slot is taken, so that one more unit would wait in its queue."""
        return self.taken >= self.slots

    @property
    def idle(self) -> int:
        """Slots that have nothing to do."""
        return max(0, self.slots - self.taken)

    @property
    def load(self) -> float:
        """Slots taken, for each that there is."""
        return self.taken / self.slots

    @property
    def rate(self) -> float:
        """Seconds of a typical worker's work it does in a second."""
        return self.slots / self.pace

    def usable(self, now: float) -> bool:
        """Whether anything may be sent to it, once it has room."""
        return self.slots > 0 and now >= self.rest_until

    def begin(self, slots: int, queue: int, first_window: float) -> None:
        """Start with so many slots and such a queue, slowly."""
        self.slots, self.queue = slots, queue
        self.ceiling = math.inf
        self.window = max(1.0, first_window * self._ample)

    def depart(self, flight: Flight) -> None:
        """Note a unit that is sent to it."""
        self.flights[flight.send.unit] = flight
        self.taken += flight.send.slots
        self.wide += flight.send.slots > 1

    def land(self, unit: int, now: float) -> None:
        """Note a unit that it holds no more; the first of its queue get the slots."""
        if flight := self.flights.pop(unit, None):
            self.taken -= flight.send.slots
            self.wide -= flight.send.slots > 1
        before = 0
        for flight in self.flights.values():
            if before >= self.slots:
                break
            if flight.started is None:
                flight.started = now
            before += flight.send.slots

    def succeed(self, slots: int = 1) -> None:
        """A unit of so many slots was answered well: take as many more, beyond what was too much once fewer."""
        self.troubles = 0
        more = float(slots) if self.window < self.ceiling else slots / self.window
        self.window = min(self.window + more, 2.0 * self.slots + 1)

    def fail(self, sent: float, now: float, *, may_rest: bool) -> None:
        """A unit was lost or failed, sent at ``sent``. What was sent before the last such tells nothing new."""
        if sent <= self.troubled:
            return
        self.troubles += 1
        self.troubled = now
        self.window = max(1.0, self.window / 2)
        if may_rest and self.troubles >= TROUBLES:
            self.rest(now + min(REST_SECONDS * 2.0 ** (self.troubles - TROUBLES), LONGEST_REST_SECONDS))

    def push_back(self, until: float) -> None:
        """It had no room for one more than it holds: leave it at that, and alone for a while."""
        self.window = self.ceiling = max(1.0, float(self.taken))
        self.rest(until)

    def rest(self, until: float) -> None:
        """Set it aside."""
        self.rest_until = max(self.rest_until, until)

"""All slots of a worker behind one door."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Iterable, Sequence

from seedcast.services.worker.slots.channel import Message
from seedcast.services.worker.slots.memory import resident_bytes
from seedcast.services.worker.slots.messages import Summary
from seedcast.services.worker.slots.nursery import Nursery
from seedcast.services.worker.slots.slot import Slot
from seedcast.services.worker.slots.tickets import Ticket, Tickets
from seedcast.shared.errors import Busy
from seedcast.shared.protocol import WorkerInfo

MEMORY_SECONDS = 1.0
"""Memory is looked at no more often: a thousand units a second may ask for it."""


class SlotPool:
    """Takes requests while there is room, and keeps every slot alive."""

    def __init__(
        self, slots: int, queue: int, memory_limit: int | None, report: Callable[[Summary], None]
    ) -> None:
        self._queue = queue
        self._tickets = Tickets(slots + queue)
        self._nursery = Nursery()
        self._slots = [Slot(number, self._nursery, self._tickets, memory_limit, report) for number in range(slots)]
        self._weighed, self._memory_bytes = -math.inf, 0
        self._draining = False
        self.has_told = False
        """Somebody who watches the worker knows that it shuts down."""

    @property
    def size(self) -> int:
        """All slots."""
        return len(self._slots)

    @property
    def busy(self) -> int:
        """Slots at work."""
        return self._tickets.running

    @property
    def waiting(self) -> int:
        """Requests in no slot yet."""
        return self._tickets.waiting

    @property
    def idle(self) -> int:
        """Slots that nothing waits for."""
        return max(0, self.size - self.busy - self.waiting)

    @property
    def restarts(self) -> int:
        """Children that replaced another."""
        return sum(max(0, slot.starts - 1) for slot in self._slots)

    @property
    def memory_bytes(self) -> int:
        """The memory of the worker and its slots together, as of the last second; 0: not to be had.

        What the slots were forked with counts once.
        """
        now = time.monotonic()
        if now >= self._weighed + MEMORY_SECONDS:
            slots = sum(slot.process.memory_bytes for slot in self._slots if slot.process)
            self._memory_bytes = resident_bytes(os.getpid()) + self._nursery.memory_bytes + slots
            self._weighed = now
        return self._memory_bytes

    async def run(self) -> None:
        """Keep the slots running, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for slot in self._slots:
                    group.create_task(slot.run())
        finally:
            await self._nursery.close()

    def check_room(self, requests: int = 1) -> None:
        """See whether so many requests would be taken.

        Raises:
            Busy: they would not.
        """
        self._tickets.check_room(requests)

    def submit(self, requests: Sequence[Message]) -> list[Ticket]:
        """Queue requests that belong together: all of them, or none.

        Raises:
            Busy: there is no room.
        """
        return self._tickets.put(requests)

    def abandon(self, tickets: Iterable[Ticket]) -> None:
        """Drop requests that nobody waits for any more; what is in a slot already, the slot gives up."""
        for ticket in tickets:
            ticket.answer.cancel()
            self._tickets.discard(ticket)

    def info(self) -> WorkerInfo:
        """Say what the worker is.

        Raises:
            Busy: no slot has become ready yet.
        """
        for slot in self._slots:
            if slot.info is not None:
                return slot.info.model_copy(update={"slots": self.size, "queue": self._queue})
        raise Busy(self.trouble() or "the slots are warming up")

    def readiness(self) -> str | None:
        """Tell somebody who watches the worker why it is not ready, or nothing."""
        self.has_told = self._draining
        return self.trouble()

    def trouble(self) -> str | None:
        """Say why the worker is not ready, or nothing."""
        if self._draining:
            return "the worker is shutting down"
        for slot in self._slots:
            if slot.trouble is not None:
                return slot.trouble
        cold = sum(not slot.starts for slot in self._slots)
        return f"{cold} of {len(self._slots)} slots are warming up" if cold else None

    def drain(self) -> None:
        """Finish what runs, refuse everything else."""
        self._draining = True
        self._tickets.close()

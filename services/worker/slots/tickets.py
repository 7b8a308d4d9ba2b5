"""The queue between the endpoints and the slots: bounded, and forgetful of clients that have gone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from seedcast.services.worker.slots.channel import Message
from seedcast.shared.errors import Busy, SeedcastError


@dataclass(eq=False)
class Party:
    """Tickets that belong together."""

    begun: bool = False
    """One of them has got a slot."""


@dataclass(eq=False)
class Ticket:
    """One thing to compute; ``answer`` gets the bytes of the reply, or the error."""

    request: Message
    party: Party
    tried: bool = False
    """A slot has died before it had read it."""
    answer: asyncio.Future[bytes] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def reply(self, payload: bytes) -> None:
        """Give the answer to whoever still waits for it."""
        if not self.answer.done():
            self.answer.set_result(payload)

    def refuse(self, error: SeedcastError) -> None:
        """Give an error to whoever still waits for an answer."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Tickets:
    """First come, first served, with room for as many as ``limit``, waiting or running."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Ticket] = deque()
        self._arrivals = asyncio.Semaphore(0)
        self._closed = False
        self.running = 0
        """Tickets in a slot."""

    @property
    def waiting(self) -> int:
        """Tickets in no slot yet."""
        return len(self._waiting)

    def check_room(self, tickets: int = 1) -> None:
        """See whether so many more tickets would be taken.

        Raises:
            Busy: they would not.
        """
        if self._closed:
            raise Busy("the worker is shutting down", retry_after=5)
        if self.waiting + self.running + tickets > self._limit:
            raise Busy(f"0 free slots: {self.running} units run, {self.waiting} wait")

    def put(self, requests: Sequence[Message]) -> list[Ticket]:
        """Queue requests that belong together: all of them, or none.

        Raises:
            Busy: there is no room.
        """
        self.check_room(len(requests))
        party = Party()
        tickets = [Ticket(request, party) for request in requests]
        for ticket in tickets:
            self._waiting.append(ticket)
            self._arrivals.release()
        return tickets

    def discard(self, ticket: Ticket) -> None:
        """Forget a ticket that nobody waits for any more, if it is in no slot yet."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)

    async def take(self) -> Ticket:
        """Wait for the next ticket; `done` has to follow."""
        while True:
            await self._arrivals.acquire()
            if self._waiting:  # it may have been discarded
                self.running += 1
                ticket = self._waiting.popleft()
                ticket.party.begun = True
                return ticket

    def put_back(self, ticket: Ticket) -> None:
        """Return a ticket that was taken but not begun; it is the next again."""
        self.running -= 1
        self._return(ticket)

    def try_again(self, ticket: Ticket, error: SeedcastError) -> None:
        """Make a running ticket, whose slot died under it, the next again; the second time, refuse it."""
        if ticket.answer.done():
            return
        if ticket.tried:
            ticket.refuse(error)
            return
        ticket.tried = True
        self._return(ticket)

    def _return(self, ticket: Ticket) -> None:
        self._waiting.appendleft(ticket)
        self._arrivals.release()

    def done(self) -> None:
        """Give a running ticket's room to another."""
        self.running -= 1

    def close(self) -> None:
        """Take no more, and send those away that wait, unless others of their party have begun."""
        self._closed = True
        for ticket in [ticket for ticket in self._waiting if not ticket.party.begun]:
            self._waiting.remove(ticket)
            ticket.refuse(Busy("the worker is shutting down", retry_after=5))

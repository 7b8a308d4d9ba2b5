"""One slot: a supervised child, replaced whenever it dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import count

from seedcast.services.worker.slots.conversation import Unread, converse
from seedcast.services.worker.slots.death import SlotDied
from seedcast.services.worker.slots.messages import Summary
from seedcast.services.worker.slots.nursery import Nursery
from seedcast.services.worker.slots.process import SlotProcess
from seedcast.services.worker.slots.tickets import Ticket, Tickets
from seedcast.shared.errors import Busy, SeedcastError
from seedcast.shared.protocol import WorkerInfo

BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 30.0
CANCEL_SECONDS = 5.0
"""A slot that has not given its unit up by then is replaced."""

log = logging.getLogger(__name__)


class Slot:
    """Takes tickets, one at a time, and answers them whatever becomes of its child."""

    def __init__(
        self,
        number: int,
        nursery: Nursery,
        tickets: Tickets,
        memory_limit: int | None,
        report: Callable[[Summary], None],
    ) -> None:
        self._number = number
        self._nursery = nursery
        self._tickets = tickets
        self._memory_limit = memory_limit
        self._report = report
        self.info: WorkerInfo | None = None
        """What the child can do; None until the first one has become ready."""
        self.starts = 0
        """Children that became ready."""
        self.trouble: str | None = None
        """Why no child becomes ready, while that is so."""
        self.process: SlotProcess | None = None
        """The child, while it is ready or busy."""

    async def run(self) -> None:
        """Keep a child running and busy, until cancelled."""
        while True:
            self.process = await self._start()
            try:
                why = await self._serve(self.process)
                log.warning("slot %d is replaced: %s", self._number, why)
            finally:
                await self.process.kill()
                self.process = None

    async def _start(self) -> SlotProcess:
        for failures in count(1):
            try:
                process = await SlotProcess.start(self._nursery, self._memory_limit)
            except (SlotDied, OSError) as error:
                log.error("slot %d does not start: %s", self._number, error)
                self.trouble = f"slot {self._number} does not start: {error}" if failures > 1 else None
                await asyncio.sleep(min(BACK_OFF_SECONDS * 2**failures, LONGEST_BACK_OFF_SECONDS))
            else:
                break
        self.trouble = None
        self.starts += 1
        self.info = process.info
        return process

    async def _serve(self, process: SlotProcess) -> str:
        """Answer tickets until the child dies; return why it did."""
        ended = asyncio.create_task(process.ended())
        try:
            while (ticket := await self._next_ticket(ended)) is not None:
                try:
                    await self._answer(process, ticket)
                finally:
                    self._tickets.done()
            return (await ended).message
        finally:
            ended.cancel()

    async def _next_ticket(self, ended: asyncio.Task[SlotDied]) -> Ticket | None:
        """Wait for a ticket; None if the child is dead, which is no fault of the next ticket."""
        taking = asyncio.create_task(self._tickets.take())
        try:
            await asyncio.wait({taking, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not taking.done():
                taking.cancel()
        if not ended.done():
            return taking.result()
        if taking.done():
            self._tickets.put_back(taking.result())
        return None

    async def _answer(self, process: SlotProcess, ticket: Ticket) -> None:
        watch = asyncio.create_task(_cancel_with(ticket, process))
        try:
            answer = await converse(process, ticket.request)
        except Unread as error:
            self._tickets.try_again(ticket, error)
            return
        except SeedcastError as error:
            ticket.refuse(error)
            return
        except Exception as error:  # what the child sent makes no sense, so neither would its next answer
            log.exception("slot %d answers nonsense", self._number)
            ticket.refuse(Busy("the slot broke"))
            await process.kill(SlotDied("crash", f"it answers nonsense ({type(error).__name__})"))
            return
        finally:
            watch.cancel()
        if answer.summary is not None:
            self._report(answer.summary)
        ticket.reply(answer.payload)


async def _cancel_with(ticket: Ticket, process: SlotProcess) -> None:
    """Give a unit up when its client has gone, so that the slot is free for another."""
    await asyncio.wait([ticket.answer])
    if ticket.answer.cancelled():
        process.cancel()
        await asyncio.sleep(CANCEL_SECONDS)
        await process.kill(
            SlotDied("timeout", f"nobody waits for its unit, and it goes on after {CANCEL_SECONDS:g} s")
        )

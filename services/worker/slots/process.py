"""One child process, from its start to its end."""

from __future__ import annotations

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from typing import Self

from seedcast.services.worker.slots.cancellation import Notice, shared_file
from seedcast.services.worker.slots.channel import BIRTH, Message, receive, send
from seedcast.services.worker.slots.death import SlotDied, ending
from seedcast.services.worker.slots.lifeline import END_SECONDS, Lifeline
from seedcast.services.worker.slots.memory import resident_bytes
from seedcast.services.worker.slots.nursery import Nursery
from seedcast.services.worker.slots.priority import give_way
from seedcast.shared.protocol import WorkerInfo

START_SECONDS = 60.0
MEMORY_INTERVAL_SECONDS = 0.1
CHANNEL_BUFFER_BYTES = 2**20


class SlotProcess:
    """A child that has said it is ready: a warden, and below it the slot."""

    def __init__(
        self,
        lifeline: Lifeline,
        channel: tuple[StreamReader, StreamWriter],
        notice: Notice,
        memory_limit: int | None,
    ) -> None:
        self._lifeline = lifeline
        self._replies, self._requests = channel
        self._notice = notice
        self._memory_limit = memory_limit
        self._verdict: SlotDied | None = None
        self._slot: int | None = None
        self._shared = 0
        self.info: WorkerInfo

    @classmethod
    async def start(cls, nursery: Nursery, memory_limit: int | None) -> Self:
        """Start a child and wait until it is warm.

        Raises:
            SlotDied: it did not get there.
            OSError: the system gives no process, or no file.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                slot = await cls._begin(nursery, memory_limit)
        except TimeoutError:
            raise SlotDied("timeout", f"getting a process took longer than {START_SECONDS:g} s") from None
        try:
            ready = await slot.exchange(None, START_SECONDS, "getting ready")
        except BaseException:
            await slot.kill()
            raise
        slot._slot, slot._shared = BIRTH.unpack(ready.head)
        give_way(slot._slot)
        slot.info = WorkerInfo.model_validate_json(ready.payload)
        return slot

    @classmethod
    async def _begin(cls, nursery: Nursery, memory_limit: int | None) -> Self:
        with shared_file() as file:
            notice = Notice(file)
            mine, its = socket.socketpair()
            with its:
                channel = await asyncio.open_unix_connection(sock=mine, limit=CHANNEL_BUFFER_BYTES)
                try:
                    lifeline = await nursery.begin(its.fileno(), file)
                except BaseException:
                    channel[1].close()
                    raise
        return cls(lifeline, channel, notice, memory_limit)

    async def exchange(self, request: Message | None, seconds: float, doing: str) -> Message:
        """Send ``request``, if there is one, and wait for the child's next message, watching its memory.

        Raises:
            SlotDied: it died, or was killed for taking too much time or memory.
        """
        watch = asyncio.create_task(self._watch_memory())
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(request)
        except TimeoutError:
            raise await self.kill(SlotDied("timeout", f"{doing} took longer than {seconds:g} s")) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._end_of_the_channel() from None
        finally:
            watch.cancel()

    @property
    def warden(self) -> int | None:
        """The process id of the slot's parent."""
        return self._lifeline.warden

    @property
    def memory_bytes(self) -> int:
        """What it has taken since it was forked; 0 where that is not to be had."""
        return 0 if self._slot is None else max(0, resident_bytes(self._slot) - self._shared)

    def cancel(self) -> None:
        """Tell the child to give up what it was asked last; it does not matter if it has answered meanwhile."""
        self._notice.give_up()

    async def ended(self) -> SlotDied:
        """Wait until the process has ended, with whatever it started; return why it did."""
        code = await self._lifeline.ended()
        return self._verdict or SlotDied("crash", f"the slot {ending(code)}")

    async def kill(self, verdict: SlotDied | None = None) -> SlotDied:
        """End the process and whatever it started."""
        self._verdict = self._verdict or verdict
        await self._lifeline.end()
        self._requests.close()
        return await self.ended()

    async def _end_of_the_channel(self) -> SlotDied:
        try:
            async with asyncio.timeout(END_SECONDS):
                return await self.ended()
        except TimeoutError:
            return await self.kill(SlotDied("crash", "the slot's channel to the worker was closed in it"))

    async def _exchange(self, request: Message | None) -> Message:
        if request is not None:
            self._notice.next_request()
            await send(self._requests, request)
        return await receive(self._replies)

    async def _watch_memory(self) -> None:
        while self._memory_limit is not None and self._slot is not None:
            if (used := resident_bytes(self._slot)) > self._memory_limit:
                sizes = f"{used / 2**20:.0f} MiB, its limit is {self._memory_limit / 2**20:.0f} MiB"
                await self.kill(SlotDied("memory", f"the slot took {sizes}"))
                return
            await asyncio.sleep(MEMORY_INTERVAL_SECONDS)

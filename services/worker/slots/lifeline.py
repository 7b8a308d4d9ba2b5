"""What ties a slot to its worker: a socket, of which the worker holds one end and the slot's warden the other.

The warden says its process id, and at last how the slot has ended; then it is gone, and its end with it. When the
worker lets go of its own end, because it wants to or because it is dead, the warden ends the slot. So the worker
need not be the warden's parent, and outlives what is between them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from contextlib import suppress
from typing import Self

_PROCESS_ID = struct.Struct("<I")
_STATUS = struct.Struct("<i")
END_SECONDS = 5.0
"""For a warden to end everything below it; it takes milliseconds, unless somebody has stopped it."""

KILLED = -signal.SIGKILL
"""What is told of a slot whose warden could not tell: nothing else ends a warden."""


class Lifeline(asyncio.Protocol):
    """The worker's end."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._told = b""
        self._begun: asyncio.Future[int | None] = loop.create_future()
        self._ended: asyncio.Future[int | None] = loop.create_future()
        self._transport: asyncio.Transport

    @classmethod
    async def hold(cls, end: socket.socket) -> Self:
        """Take an end of a pair of sockets."""
        loop = asyncio.get_running_loop()
        transport, lifeline = await loop.create_unix_connection(cls, sock=end)
        lifeline._transport = transport
        return lifeline

    @property
    def warden(self) -> int | None:
        """The warden's process id, once it has told it."""
        return self._begun.result() if self._begun.done() else None

    async def begun(self) -> bool:
        """Wait until there is a warden, or nobody who could become one; say whether there is one."""
        return await asyncio.shield(self._begun) is not None

    async def ended(self) -> int:
        """Wait until the warden has ended, with the slot and whatever that has started.

        Returns how the slot has ended, as `subprocess.Popen.returncode` does.
        """
        code = await asyncio.shield(self._ended)
        return KILLED if code is None else code

    async def end(self) -> int:
        """Have the warden end everything, and wait for it; return what `ended` does."""
        if not self._transport.is_closing():
            self._transport.write_eof()
        try:
            async with asyncio.timeout(END_SECONDS):
                return await self.ended()
        except TimeoutError:
            self._end_group()
            return await self.ended()

    def _end_group(self) -> None:
        """Kill the warden, which cannot do its work, and the processes of its group."""
        if self.warden is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.warden, signal.SIGKILL)

    def data_received(self, data: bytes) -> None:
        """Take what the warden says."""
        self._told += data
        if len(self._told) >= _PROCESS_ID.size and not self._begun.done():
            self._begun.set_result(_PROCESS_ID.unpack_from(self._told)[0])

    def connection_lost(self, _: Exception | None) -> None:
        """Learn that the warden is gone."""
        if not self._begun.done():
            self._begun.set_result(None)
        told = self._told[_PROCESS_ID.size :]
        if len(told) == _STATUS.size:
            self._ended.set_result(_STATUS.unpack(told)[0])
        else:
            self._end_group()  # it was killed, and what it would have ended is left
            self._ended.set_result(None)


def tell_of_warden(end: int) -> None:
    """Say, at the warden's end, that this process is it."""
    _tell(end, _PROCESS_ID.pack(os.getpid()))


def tell_of_end(end: int, status: int) -> None:
    """Say, at the warden's end, with which status, as of `os.wait`, the slot has ended."""
    _tell(end, _STATUS.pack(os.waitstatus_to_exitcode(status)))


def _tell(end: int, what: bytes) -> None:
    with suppress(OSError):  # the worker is dead
        os.write(end, what)

"""The process of a worker that its slots are forked from: it has imported what all of them need.

::

    worker -- nursery -- warden -- slot -- what its environments start
                    `--- warden -- slot

To import it anew takes most of a second of a core, and some 80 MiB, for each slot. The nursery runs nothing
foreign: users' packages are imported in the slot, after the fork. When it dies, the slots live on (`lifeline`),
and the next one that is wanted gets another nursery; so it does when packages have been installed meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import site
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from pathlib import Path

from seedcast.services.worker.slots.death import SlotDied, ending
from seedcast.services.worker.slots.lifeline import Lifeline
from seedcast.services.worker.slots.memory import resident_bytes
from seedcast.services.worker.slots.variables import slot_environment

log = logging.getLogger(__name__)


class Nursery:
    """The worker's side of it. The process is started when the first slot is wanted."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()
        self._process: Process | None = None
        self._requests: socket.socket | None = None
        self._packages: list[int] = []

    async def begin(self, channel: int, notice: int) -> Lifeline:
        """Have a slot forked that has these descriptors, and wait until its warden says that it is there.

        Nothing is left of what does not get there.

        Raises:
            SlotDied: the nursery has died of it.
            OSError: the system gives no process, or no socket.
        """
        async with self._one_at_a_time:
            end, its_end = socket.socketpair()
            with its_end:
                lifeline = await Lifeline.hold(end)
                try:
                    await self._ask([channel, its_end.fileno(), notice])
                    its_end.close()
                    if not await lifeline.begun():
                        raise SlotDied("crash", f"the process that slots are forked from {await self._end()}")
                except BaseException:  # whoever gives up waiting leaves no request behind
                    its_end.close()
                    await self._end()
                    await lifeline.end()
                    raise
            return lifeline

    async def close(self) -> None:
        """End the process; its slots live on."""
        async with self._one_at_a_time:
            await self._end()

    @property
    def pid(self) -> int | None:
        """The process id, while there is a process."""
        return None if self._process is None else self._process.pid

    @property
    def memory_bytes(self) -> int:
        """Its resident set; 0 where that is not to be had."""
        return 0 if self.pid is None else resident_bytes(self.pid)

    async def _ask(self, descriptors: list[int]) -> None:
        """Send a request to the process: to a new one, if there is none that is of use."""
        if self._requests is not None and self._packages == _packages():
            with suppress(ConnectionError):
                socket.send_fds(self._requests, [b"\0"], descriptors)
                return
            log.warning("the process that slots are forked from %s; there is a new one", await self._end())
        await self._end()
        requests = await self._start()
        with suppress(ConnectionError):  # it has died, and so will the lifeline
            socket.send_fds(requests, [b"\0"], descriptors)

    async def _start(self) -> socket.socket:
        self._packages = _packages()
        self._requests, its_requests = socket.socketpair()
        with its_requests:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "seedcast.services.worker.slots.nursery_process"),
                *(str(its_requests.fileno()), str(os.getpid())),
                stdin=DEVNULL,
                pass_fds=(its_requests.fileno(),),
                env=slot_environment(),
                preexec_fn=os.setpgrp,  # a group, not a session: see cli/local_cluster.py
            )
        return self._requests

    async def _end(self) -> str:
        """Leave no process; say how the one that there was has ended."""
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._process is None:
            return "is not there"
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)  # its own `kill` takes the status from `wait`
        code = await self._process.wait()
        self._process = None
        return ending(code)


def _packages() -> list[int]:
    """Return when packages were last installed or removed, folder by folder."""
    changes = list[int]()
    for folder in (*site.getsitepackages(), site.getusersitepackages()):
        with suppress(OSError):  # there is no such folder, or it is not ours to look into
            changes.append(Path(folder).stat().st_mtime_ns)
    return changes

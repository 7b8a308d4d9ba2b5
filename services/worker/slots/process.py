"""One child process, from its start to its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Self

from seedcast.services.worker.slots import warden
from seedcast.services.worker.slots.cancellation import Notice, shared_file
from seedcast.services.worker.slots.channel import PROCESS_ID, Message, receive, send
from seedcast.services.worker.slots.memory import resident_bytes
from seedcast.shared.protocol import FailureKind, WorkerInfo

START_SECONDS = 60.0
END_SECONDS = 5.0
"""For a warden to end everything below it; it takes milliseconds, unless somebody has stopped it."""
MEMORY_INTERVAL_SECONDS = 0.1
PIPE_BUFFER_BYTES = 2**20

ENVIRONMENT = {
    # One thread: a slot is one core, and a product split over threads adds up in another order.
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # An environment that iterates over a set of strings must do so in the same order in every slot.
    "PYTHONHASHSEED": "0",
    # Nobody looks at its screen.
    "MPLBACKEND": "Agg",
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_AUDIODRIVER": "dummy",
    "SDL_VIDEODRIVER": "dummy",
}
"""Of a slot, whatever the worker's own is."""

ALLOCATOR = "glibc.malloc.tcache_count=2000"
"""What EnvPool's thread allocates, the engine's frees: thousands of small arrays a step, more than the allocator
keeps at hand for either. It is a tenth of CartPole's time."""


class SlotDied(Exception):
    """The process is gone."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        self.kind = kind
        self.message = message
        super().__init__(message)


def slot_environment() -> dict[str, str]:
    """Return the environment variables of a slot of this worker."""
    tunables = [os.environ["GLIBC_TUNABLES"]] if os.environ.get("GLIBC_TUNABLES") else []
    return os.environ | ENVIRONMENT | {"GLIBC_TUNABLES": ":".join([ALLOCATOR, *tunables])}


class SlotProcess:
    """A child that has said it is ready: a warden, and below it the slot."""

    def __init__(self, process: Process, notice: Notice, memory_limit: int | None) -> None:
        self._process = process
        self._notice = notice
        self._memory_limit = memory_limit
        self._verdict: SlotDied | None = None
        self._slot: int | None = None
        self._buried = False
        self.info: WorkerInfo

    @classmethod
    async def start(cls, memory_limit: int | None) -> Self:
        """Start a child and wait until it is warm.

        Raises:
            SlotDied: it did not get there.
        """
        with shared_file() as file:
            notice = Notice(file)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "seedcast.services.worker.slots.child", str(file)),
                stdin=PIPE,
                stdout=PIPE,
                pass_fds=(file,),
                env=slot_environment(),
                limit=PIPE_BUFFER_BYTES,
                preexec_fn=os.setpgrp,  # a group, not a session: see cli/local_cluster.py
            )
        slot = cls(process, notice, memory_limit)
        try:
            ready = await slot.exchange(None, START_SECONDS, "getting ready")
        except BaseException:
            await slot.kill()
            raise
        (slot._slot,) = PROCESS_ID.unpack(ready.head)
        slot.info = WorkerInfo.model_validate_json(ready.payload)
        return slot

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
    def memory_bytes(self) -> int:
        """Its resident set; 0 where that is not to be had."""
        return 0 if self._slot is None else resident_bytes(self._slot)

    def cancel(self) -> None:
        """Tell the child to give up what it was asked last; it does not matter if it has answered meanwhile."""
        self._notice.give_up()

    async def ended(self) -> SlotDied:
        """Wait until the process has ended, with whatever it started; return why it did."""
        await self._process.wait()
        if not self._buried:
            self._buried = True
            self._end_group()  # there is none, unless it was the warden that was killed
        return self._verdict or SlotDied("crash", f"the slot {_ending(self._process.returncode or 0)}")

    async def kill(self, verdict: SlotDied | None = None) -> SlotDied:
        """End the process and whatever it started."""
        self._verdict = self._verdict or verdict
        self._signal(warden.END)
        try:
            async with asyncio.timeout(END_SECONDS):
                return await self.ended()
        except TimeoutError:
            self._end_group()
            return await self.ended()

    async def _end_of_the_channel(self) -> SlotDied:
        try:
            async with asyncio.timeout(END_SECONDS):
                return await self.ended()
        except TimeoutError:
            return await self.kill(SlotDied("crash", "the slot's channel to the worker was closed in it"))

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _end_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _exchange(self, request: Message | None) -> Message:
        if self._process.stdin is None or self._process.stdout is None:
            raise ConnectionError("no pipes")
        if request is not None:
            self._notice.next_request()
            await send(self._process.stdin, request)
        return await receive(self._process.stdout)

    async def _watch_memory(self) -> None:
        while self._memory_limit is not None and self._slot is not None:
            if (used := resident_bytes(self._slot)) > self._memory_limit:
                sizes = f"{used / 2**20:.0f} MiB, its limit is {self._memory_limit / 2**20:.0f} MiB"
                await self.kill(SlotDied("memory", f"the slot took {sizes}"))
                return
            await asyncio.sleep(MEMORY_INTERVAL_SECONDS)


def _ending(returncode: int) -> str:
    if returncode >= 0:
        return f"exited with code {returncode}"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"

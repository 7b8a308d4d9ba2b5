"""Workers that compute nothing: they speak the real protocol over loopback, and answer after a simulated time.

A rollout's seed is its duration in microseconds, so that both sides know it. What a worker does beyond waiting is
kept small: it shares the machine with the master that is measured.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.connection import Connection as Pipe
from multiprocessing.sharedctypes import SynchronizedArray
from typing import cast

import numpy as np
import uvloop
from numpy.typing import NDArray

from seedcast.shared.digest import CONTENT_DIGEST, content_digest
from seedcast.shared.frame import decode_frame
from seedcast.shared.protocol import PROTOCOL_VERSION, SLOTS_HEADER, UnitResult, WorkerInfo

QUEUE_PER_SLOT = 2
HEAD_END = b"\r\n\r\n"


@dataclass(eq=False)
class Part:
    """What one slot does of a unit."""

    work: Work
    seeds: NDArray[np.int32]
    timer: asyncio.TimerHandle | None = None
    """Set while it is in a slot."""


@dataclass(eq=False)
class Work:
    """A unit, and whom to answer."""

    client: Connection
    seeds: NDArray[np.int32]
    open: set[Part] = field(default_factory=set)
    """Parts that are not done yet."""


class Account:
    """What a process that simulates workers tells of itself."""

    def __init__(self, told: SynchronizedArray[float], number: int) -> None:
        self._told, self._first = told, 2 * number
        self.begun = 0
        """Rollouts that ever got a slot, those of cancelled units included."""

    def tell(self) -> None:
        """Have the benchmark see it."""
        self._told[self._first : self._first + 2] = time.process_time(), self.begun


class StubWorker:
    """So many slots and a queue. ``slowness``: how much longer than a seed says its rollouts take."""

    def __init__(self, slots: int, slowness: float, account: Account) -> None:
        self.slots = slots
        self.account = account
        self._slowness = slowness
        self._free = slots
        self._queue: deque[Part] = deque()

    def take(self, work: Work, parts: int) -> bool:
        """Take a unit for so many slots, if there is room."""
        if len(self._queue) + parts > self._free + QUEUE_PER_SLOT * self.slots:
            return False
        bounds = [index * len(work.seeds) // parts for index in range(parts + 1)]
        for start, stop in pairwise(bounds):
            part = Part(work, work.seeds[start:stop])
            work.open.add(part)
            self._queue.append(part)
        self._fill()
        return True

    def drop(self, work: Work) -> None:
        """Give a unit up whose client has gone away."""
        for part in work.open:
            if part.timer is None:
                self._queue.remove(part)
            else:
                part.timer.cancel()
                self._free += 1
        self._fill()

    def _fill(self) -> None:
        while self._free and self._queue:
            part = self._queue.popleft()
            self._free -= 1
            self.account.begun += len(part.seeds)
            seconds = self._slowness * float(part.seeds.sum()) * 1e-6
            part.timer = asyncio.get_running_loop().call_later(seconds, self._finish, part)

    def _finish(self, part: Part) -> None:
        self._free += 1
        self._fill()
        work = part.work
        work.open.remove(part)
        if not work.open:
            returns = work.seeds.astype(np.float64)
            seconds = self._slowness * float(returns.sum()) * 1e-6
            result = UnitResult(returns, returns, np.ones(len(returns), np.int32), busy_seconds=seconds)
            work.client.answer(200, result.to_frame())


class Connection(asyncio.Protocol):
    """One connection of a client: one request at a time."""

    def __init__(self, worker: StubWorker) -> None:
        self._worker = worker
        self._bytes = bytearray()
        self._work: Work | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _: Exception | None) -> None:
        """Free the slot of whatever nobody waits for any more."""
        if self._work is not None:
            self._worker.drop(self._work)

    def data_received(self, data: bytes) -> None:
        """Collect a request."""
        self._bytes += data
        end = self._bytes.find(HEAD_END)
        if end < 0:
            return
        head = bytes(self._bytes[:end])
        whole = end + len(HEAD_END) + _number(head, b"content-length", 0)
        if len(self._bytes) >= whole:
            body = bytes(self._bytes[end + len(HEAD_END) : whole])
            del self._bytes[:whole]
            self._request(head, body)

    def _request(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST /rollouts"):
            _, arrays = decode_frame(body, check=False)
            self._work = Work(self, arrays["seeds"])
            if not self._worker.take(self._work, _number(head, SLOTS_HEADER.lower().encode(), 1)):
                self.answer(503, b"no room")
        else:
            self.answer(200, self._info() if head.startswith(b"GET /info") else b"{}")

    def answer(self, status: int, body: bytes) -> None:
        """Respond."""
        self._work = None
        self._worker.account.tell()
        lines = (
            f"HTTP/1.1 {status} X",
            f"Content-Length: {len(body)}",
            f"{CONTENT_DIGEST}: {content_digest(body)}",
        )
        self._transport.write("\r\n".join(lines).encode() + HEAD_END + body)

    def _info(self) -> bytes:
        info = WorkerInfo(
            protocol=PROTOCOL_VERSION,
            version="simulated",
            slots=self._worker.slots,
            cpu="none",
            fingerprint="simulated",
            environments=["CartPole-v1"],
            policies=[],
        )
        return info.model_dump_json().encode()


def _number(head: bytes, name: bytes, default: int) -> int:
    """Return the number in a header."""
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for key, _, value in lines if key == name), default)


@dataclass(frozen=True)
class StubFleet:
    """Workers in processes of their own."""

    urls: list[str]
    told: SynchronizedArray[float]
    """Of each process, as of its last answer: CPU seconds, rollouts begun."""

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds that the simulation of the workers itself has taken."""
        return sum(self.told[0::2])

    @property
    def begun(self) -> int:
        """Rollouts that ever got a slot, those of cancelled units included."""
        return int(sum(self.told[1::2]))


@contextmanager
def stub_fleet(workers: int, slots: int, slow: Sequence[float] = (), processes: int = 2) -> Iterator[StubFleet]:
    """Start workers of so many slots each; the first ones are so many times slower as ``slow`` says."""
    context = multiprocessing.get_context("spawn")
    slowness = [*slow, *[1.0] * (workers - len(slow))]
    told = context.Array("d", 2 * processes)
    urls: list[str] = []
    children = []
    for number in range(min(processes, workers)):
        ours, theirs = context.Pipe()
        arguments = (theirs, slots, slowness[number::processes], told, number)
        child = context.Process(target=_serve, args=arguments, daemon=True)
        child.start()
        children.append(child)
        urls += ours.recv()
    try:
        yield StubFleet(urls, told)
    finally:
        for child in children:
            child.terminate()
            child.join()


def _serve(pipe: Pipe, slots: int, slowness: list[float], told: SynchronizedArray[float], number: int) -> None:
    async def serve() -> None:
        account = Account(told, number)
        await _serve_all(pipe, [StubWorker(slots, slow, account) for slow in slowness])
        await asyncio.Event().wait()

    uvloop.run(serve())


async def _serve_all(pipe: Pipe, workers: list[StubWorker]) -> None:
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda worker=worker: Connection(worker), "127.0.0.1", 0, backlog=2048)  # type: ignore[misc]
        for worker in workers
    ]
    pipe.send([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers])

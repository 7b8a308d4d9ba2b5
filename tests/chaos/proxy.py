"""A TCP proxy that does to a connection what networks do: it resets, delays, truncates and corrupts."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Literal

CHUNK_BYTES = 16_384
Fault = Literal["reset", "delay", "truncate", "corrupt"]


@dataclass(frozen=True)
class Rates:
    """How likely a chunk of bytes meets each fault."""

    reset: float = 0.004
    delay: float = 0.02
    truncate: float = 0.004
    corrupt: float = 0.02
    longest_delay_seconds: float = 0.5


class FaultProxy:
    """Listens on ``port`` of loopback and forwards to ``target``, badly. The same seed draws the same faults."""

    def __init__(self, port: int, target: int, random: Random, rates: Rates) -> None:
        self._port = port
        self._target = target
        self._random = random
        self._rates = rates
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self.calm = False
        """Whether it forwards everything faithfully from now on."""
        self.faults: Counter[str] = Counter()

    async def start(self) -> None:
        """Start listening."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def close(self) -> None:
        """Break all connections and stop listening."""
        for writer in self._connections:
            writer.transport.abort()
        if self._server is not None:
            self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, onward}
        self._connections |= both
        try:
            forwards = [
                asyncio.create_task(self._forward(reader, onward)),
                asyncio.create_task(self._forward(onward_reader, writer)),
            ]
            await asyncio.wait(forwards, return_when=asyncio.FIRST_COMPLETED)
            for task in forwards:
                task.cancel()
            await asyncio.gather(*forwards, return_exceptions=True)
        finally:
            for one in both:
                one.transport.abort()
            self._connections -= both

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward until either side ends, or a fault ends it."""
        while chunk := await reader.read(CHUNK_BYTES):
            fault = None if self.calm else self._draw()
            if fault is not None:
                self.faults[fault] += 1
            if fault == "reset":
                return
            if fault == "delay":
                await asyncio.sleep(self._random.uniform(0, self._rates.longest_delay_seconds))
            if fault == "corrupt":
                chunk = self._corrupt(chunk)
            writer.write(chunk[: self._random.randrange(len(chunk))] if fault == "truncate" else chunk)
            await writer.drain()
            if fault == "truncate":
                return

    def _draw(self) -> Fault | None:
        luck, rates = self._random.random(), self._rates
        faults: tuple[tuple[Fault, float], ...] = (
            ("reset", rates.reset),
            ("delay", rates.delay),
            ("truncate", rates.truncate),
            ("corrupt", rates.corrupt),
        )
        for fault, rate in faults:
            luck -= rate
            if luck < 0:
                return fault
        return None

    def _corrupt(self, chunk: bytes) -> bytes:
        """Flip one bit."""
        damaged = bytearray(chunk)
        damaged[self._random.randrange(len(damaged))] ^= 1 << self._random.randrange(8)
        return bytes(damaged)

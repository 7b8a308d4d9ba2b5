"""A worker on loopback that answers over real HTTP, and breaks every rule of it when told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Literal, Self

from seedcast.shared.digest import CONTENT_DIGEST, content_digest
from seedcast.shared.problems import Problem
from seedcast.shared.protocol import PROTOCOL_VERSION, Failure, Unit, UnitResult, WorkerInfo
from tests.simulation.virtual_fleet import result

Fault = Callable[["StubWorker", asyncio.StreamWriter, Unit], Coroutine[Any, Any, None]]


class StubWorker:
    """Computes what the virtual workers compute; the first units meet with ``faults``, in turn.

    It is always too busy to describe an environment.
    """

    def __init__(self, *faults: Fault, slots: int = 2, seconds: float = 0.0, keys: bool = False) -> None:
        self.faults = list(faults)
        self.seconds = seconds
        self.units: Counter[str] = Counter()
        """Units that came, were answered, and whose client went away first; environments asked for."""
        self.url = ""
        self._slots = slots
        self._populations: list[Literal["rows", "gaussian"]] = ["rows", "gaussian"] if keys else ["rows"]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
                if head.startswith(b"POST /rollouts"):
                    await self._unit(reader, writer, Unit.from_frame(body))
                elif head.startswith(b"POST /environments/describe"):
                    self.units["described"] += 1
                    refuse(writer, "no slot can describe it")
                else:
                    self._health(writer, head)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    def _health(self, writer: asyncio.StreamWriter, head: bytes) -> None:
        info = WorkerInfo(
            protocol=PROTOCOL_VERSION,
            version="stub",
            slots=self._slots,
            cpu="",
            fingerprint="",
            environments=["CartPole-v1"],
            policies=[],
            populations=self._populations,
        )
        respond(writer, 200, info.model_dump_json().encode() if b" /info " in head else b"{}")

    async def _unit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, unit: Unit) -> None:
        self.units["came"] += 1
        fault = self.faults.pop(0) if self.faults else None
        answer = asyncio.create_task(self._answer(writer, unit) if fault is None else fault(self, writer, unit))
        gone = asyncio.create_task(reader.read(1))  # nothing comes before the answer, but the end
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        self.units["answered" if answer.done() else "abandoned"] += 1
        if not answer.done():
            answer.cancel()
            raise ConnectionError
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        answer.result()

    async def _answer(self, writer: asyncio.StreamWriter, unit: Unit) -> None:
        await asyncio.sleep(self.seconds * len(unit))
        respond(writer, 200, result(unit, self.seconds * len(unit)).to_frame())


def respond(writer: asyncio.StreamWriter, status: int, body: bytes, **headers: str) -> None:
    """Write a response."""
    lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", f"{CONTENT_DIGEST}: {content_digest(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)


async def hang(_: StubWorker, __: asyncio.StreamWriter, ___: Unit) -> None:
    await asyncio.sleep(3600)


async def reset(_: StubWorker, writer: asyncio.StreamWriter, __: Unit) -> None:
    writer.transport.abort()
    raise ConnectionError


async def truncate(_: StubWorker, writer: asyncio.StreamWriter, unit: Unit) -> None:
    whole = result(unit, 0.1).to_frame()
    writer.write(f"HTTP/1.1 200 So\r\nContent-Length: {len(whole)}\r\n\r\n".encode() + whole[:-7])
    await writer.drain()
    raise ConnectionError


async def trickle(_: StubWorker, writer: asyncio.StreamWriter, __: Unit) -> None:
    writer.write(b"HTTP/1.1 200 So\r\nContent-Length: 100000\r\n\r\n")
    for _byte in range(100_000):
        writer.write(b"x")
        await asyncio.sleep(0.05)


async def corrupt(_: StubWorker, writer: asyncio.StreamWriter, unit: Unit) -> None:
    frame = bytearray(result(unit, 0.1).to_frame())
    frame[-3] ^= 0x10
    respond(writer, 200, bytes(frame))


async def fail(_: StubWorker, writer: asyncio.StreamWriter, __: Unit) -> None:
    respond(writer, 500, b"oops")


async def busy(_: StubWorker, writer: asyncio.StreamWriter, __: Unit) -> None:
    refuse(writer, "0 free slots")


def refuse(writer: asyncio.StreamWriter, detail: str) -> None:
    """Say that there is no room now."""
    problem = Problem(title="Busy", status=503, detail=detail)
    respond(writer, 503, problem.model_dump_json().encode(), Retry_After="1")


async def crash(_: StubWorker, writer: asyncio.StreamWriter, unit: Unit) -> None:
    respond(writer, 200, UnitResult.failed(len(unit), "crash", "segmentation fault").to_frame())


async def stray(_: StubWorker, writer: asyncio.StreamWriter, unit: Unit) -> None:
    """Name a rollout as failed that the unit does not have."""
    good = result(unit, 0.1)
    wrong = Failure(kind="crash", message="?", rollouts=[len(unit)])
    odd = UnitResult(good.returns, good.fitness, good.lengths, failures=[wrong])
    respond(writer, 200, odd.to_frame())

"""What a worker and its slots say to each other over pipes: a kind, lengths, a head, a payload.

A unit and its result travel as the very bytes that came and go over HTTP; nothing is decoded on the way.
"""

from __future__ import annotations

import struct
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

_HEADER = struct.Struct("<BBQ")
BIRTH = struct.Struct("<IQ")
"""The head of `Kind.READY`: a slot's process id, and how many bytes of memory it shared when it was forked."""


class Kind(IntEnum):
    """What a payload is."""

    UNIT = 1
    """To the slot: a unit's frame."""
    UNIT_JSON = 2
    """To the slot: a unit as JSON."""
    DESCRIBE = 3
    """To the slot: an environment's specification as JSON."""
    PART = 4
    """To the slot: `Part` as the head, and the frame of the unit that it is a part of."""
    FILM = 8
    """To the slot: the frame of a unit of one rollout, to be filmed."""
    ENVIRONMENTS = 9
    """To the slot: nothing; it answers with what environments there are, `EnvironmentCatalogue` as JSON."""
    DESCRIBE_OBJECTIVE = 10
    """To the slot: an objective's specification as JSON."""
    READY = 16
    """From the slot, once: `BIRTH` as the head, and what it can do, as the JSON of `WorkerInfo`."""
    STARTED = 17
    """From the slot: the unit is understood; `Started` as JSON."""
    SUMMARY = 18
    """From the slot, before a unit's result: `Summary` as JSON."""
    RESULT = 19
    """From the slot, last: the answer, in the form of the question."""
    REFUSED = 20
    """From the slot, last: what is wrong with the question; `Refusal` as JSON."""
    CANCELLED = 21
    """From the slot, last: it was told to give the unit up."""
    DESCRIBED = 22
    """From the slot, before the result of a description: the same, before an episode has been tried."""


@dataclass(frozen=True)
class Message:
    """One of them."""

    kind: Kind
    payload: bytes
    head: bytes = b""
    """Up to 255 bytes beside the payload, which may be large and need not be copied for them."""

    @property
    def prefix(self) -> bytes:
        """All that goes before the payload."""
        return _HEADER.pack(self.kind, len(self.head), len(self.payload)) + self.head


def read_message(stream: BinaryIO) -> Message | None:
    """Read one message; None at the end of the stream."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, head_length, length = _HEADER.unpack(header)
    head, payload = stream.read(head_length), stream.read(length)
    return Message(Kind(kind), payload, head) if len(payload) == length else None


def write_message(stream: BinaryIO, message: Message) -> None:
    """Write one message."""
    stream.write(message.prefix)
    stream.write(message.payload)
    stream.flush()


async def receive(reader: StreamReader) -> Message:
    """Read one message.

    Raises:
        IncompleteReadError: the other side is gone.
    """
    kind, head_length, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    head = await reader.readexactly(head_length)
    return Message(Kind(kind), await reader.readexactly(length), head)


async def send(writer: StreamWriter, message: Message) -> None:
    """Write one message.

    Raises:
        ConnectionError: the other side is gone.
    """
    writer.write(message.prefix)
    writer.write(message.payload)
    await writer.drain()

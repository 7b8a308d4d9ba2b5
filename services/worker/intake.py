"""From an HTTP request to tickets and back.

A body goes to the slots as it came. Of what they answer, the results of a unit's parts are decoded, to be joined.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import Request

from seedcast.services.worker.slots.channel import Kind, Message
from seedcast.services.worker.slots.messages import Part
from seedcast.services.worker.slots.pool import SlotPool
from seedcast.shared.digest import CONTENT_DIGEST, check_content_digest
from seedcast.shared.errors import Busy, InvalidInput, PayloadTooLarge
from seedcast.shared.protocol import SLOTS_HEADER, UnitResult


async def compute(pool: SlotPool, request: Request, kind: Kind, max_body_bytes: int) -> bytes:
    """Have a slot answer the body of a request.

    Raises:
        Busy: there is no room.
        PayloadTooLarge: the body is over the limit.
        InvalidInput, ProtocolMismatch: the slot refuses it.
    """
    (answer,) = await _answers(pool, request, 1, max_body_bytes, lambda body: [Message(kind, body)])
    return answer


async def compute_frame(pool: SlotPool, request: Request, max_body_bytes: int) -> bytes:
    """Have a unit's frame computed by as many slots as the request asks for, or as there are.

    Raises:
        InvalidInput: it asks for more slots than the unit has rollouts; or as in `compute`.
        Busy, PayloadTooLarge, ProtocolMismatch: as in `compute`.
    """
    parts = _slots(request, pool.size)
    if parts == 1:
        return await compute(pool, request, Kind.UNIT, max_body_bytes)

    def split(frame: bytes) -> list[Message]:
        return [Part(index, parts).message(frame) for index in range(parts)]

    answers = await _answers(pool, request, parts, max_body_bytes, split)
    return await asyncio.to_thread(_join, answers)


def _slots(request: Request, most: int) -> int:
    text = request.headers.get(SLOTS_HEADER, "1")
    if not (text.isdecimal() and len(text) < 10 and int(text)):
        raise InvalidInput.of(SLOTS_HEADER, "must be a whole number from 1", text)
    return min(int(text), most)


def _join(frames: list[bytes]) -> bytes:
    return UnitResult.joined([UnitResult.from_frame(frame) for frame in frames]).to_frame()


async def _answers(
    pool: SlotPool, request: Request, count: int, max_body_bytes: int, messages: Callable[[bytes], list[Message]]
) -> list[bytes]:
    """Have slots answer the ``count`` messages that a body becomes, while the client is there."""
    pool.check_room(count)  # before the body is read: it may be large
    body = await _body(request, max_body_bytes)
    check_content_digest(request.headers.get(CONTENT_DIGEST), body)
    tickets = pool.submit(messages(body))
    answers = asyncio.gather(*(ticket.answer for ticket in tickets))
    answers.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may want it any more
    gone = asyncio.create_task(_disconnected(request))
    try:
        either: set[asyncio.Future[Any]] = {answers, gone}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answers.done():
            raise Busy("the client has gone")  # nobody reads this
        return answers.result()
    finally:
        gone.cancel()
        answers.cancel()
        pool.abandon(tickets)


async def _body(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise PayloadTooLarge(f"the body has {declared} bytes, over the limit of {limit}")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge(f"the body is over the limit of {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

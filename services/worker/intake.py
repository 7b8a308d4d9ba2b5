"""From an HTTP request to a ticket and back, without decoding anything."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request

from services.worker.slots.channel import Kind, Message
from services.worker.slots.pool import SlotPool
from shared.digest import CONTENT_DIGEST, check_content_digest
from shared.errors import Busy, PayloadTooLarge


async def compute(pool: SlotPool, request: Request, kind: Kind, max_body_bytes: int) -> bytes:
    """Have a slot answer the body of a request.

    Raises:
        Busy: there is no room.
        PayloadTooLarge: the body is over the limit.
        InvalidInput, ProtocolMismatch: the slot refuses it.
    """
    pool.check_room()  # before the body is read: it may be large
    body = await _body(request, max_body_bytes)
    check_content_digest(request.headers.get(CONTENT_DIGEST), body)
    ticket = pool.submit(Message(kind, body))
    gone = asyncio.create_task(_disconnected(request))
    try:
        either: set[asyncio.Future[Any]] = {ticket.answer, gone}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not ticket.answer.done():
            raise Busy("the client has gone")  # nobody reads this
        return ticket.answer.result()
    finally:
        gone.cancel()
        pool.abandon(ticket)


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

"""How answers travel: compressed where the client takes it, and not at all where it has them already.

Only whole answers are touched, never streams or files: those are sent as they come. A JSON document of 100 KiB
becomes one of 10; a page that polls what has not changed gets 304 without a body (RFC 9110, 13.1.2,
https://www.rfc-editor.org/rfc/rfc9110).
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALLEST = 1_024
"""Bytes; less is not worth its header."""
LARGEST_IN_LOOP = 32_768
"""Bytes; what is more is compressed beside the event loop."""
LEVEL, FAST_LEVEL = 5, 1
"""Of smaller answers and of larger ones, which become a tenth larger in half the time."""
TEXTS = ("application/json", "application/problem+json", "text/")


class Delivery:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at whole answers to GET and compress those to all methods."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        start: Message | None = None

        async def deliver(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif start is None:
                await send(message)
            else:
                first, start = start, None
                if not message.get("more_body") and message.get("body"):
                    first, message = await _packed(first, message, asked, scope["method"])
                await send(first)
                await send(message)

        await self._app(scope, receive, deliver)


async def _packed(start: Message, message: Message, asked: Headers, method: str) -> tuple[Message, Message]:
    """Return the start and the body of a whole answer as they are to be sent."""
    headers, body = MutableHeaders(raw=list(start["headers"])), bytes(message["body"])
    if "content-encoding" in headers or not headers.get("content-type", "").startswith(TEXTS):
        return start, message
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.add_vary_header("Accept-Encoding")
    status = start["status"]
    if method == "GET" and status == 200 and "etag" not in headers:
        headers["ETag"] = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
        if headers["ETag"] in asked.get("if-none-match", ""):
            status, body = 304, b""
            del headers["content-length"]
    if len(body) >= SMALLEST and takes_gzip(asked.get("accept-encoding", "")):
        if len(body) <= LARGEST_IN_LOOP:
            body = gzip.compress(body, LEVEL, mtime=0)
        else:
            body = await asyncio.to_thread(gzip.compress, body, FAST_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    if status != 304:
        headers["Content-Length"] = str(len(body))
    return {**start, "status": status, "headers": headers.raw}, {**message, "body": body}


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client takes gzip, by name or by ``*``, and not with a weight of 0."""
    weights: dict[str, float] = {}
    for entry in accept_encoding.split(","):
        coding, _, parameter = entry.partition(";")
        try:
            weights[coding.strip().lower()] = float(parameter.partition("=")[2] or 1)
        except ValueError:
            weights[coding.strip().lower()] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0

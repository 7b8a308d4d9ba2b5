"""An id for every request: the client's own, or a new one; it is in the answer and in the log's lines."""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seedcast.shared.logs import REQUEST

HEADER = "X-Request-ID"
_TAKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Others are replaced: what a client sends must not break a log's line."""


class RequestId:
    """ASGI middleware, the outermost of all. uvicorn gives every request a context of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the request, and say its name in the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        name = given if _TAKEN.fullmatch(given) else secrets.token_hex(8)
        REQUEST.set(name)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        await self._app(scope, receive, named)

"""How long answers take, by route: the path as the API's document has it, so that no experiment adds a series.

Each answer says so itself, too: ``Server-Timing: app;dur=MILLISECONDS`` (https://www.w3.org/TR/server-timing), so
that whoever waits can tell the server's time from the network's and their own.
"""

from __future__ import annotations

import time

from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = {"GET", "POST", "PATCH", "DELETE", "OPTIONS"}
"""Clients may make up others."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


def request_histogram() -> Histogram:
    """Return what requests are counted in, of no registry yet."""
    return Histogram(
        "seedcast_master_request_seconds",
        "Seconds until an answer began, by method, route and status; of a stream, until its first byte.",
        ["method", "route", "status"],
        buckets=BUCKETS,
        registry=None,
    )


class RequestMetrics:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, seconds: Histogram) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Measure until the answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, answered = time.perf_counter(), False

        def note(status: int) -> float:
            seconds = time.perf_counter() - begun
            route = getattr(scope.get("route"), "path", "none")
            labels = (scope["method"] if scope["method"] in METHODS else "other", route, f"{status // 100}xx")
            self._seconds.labels(*labels).observe(seconds)
            return seconds

        async def measured(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                seconds = note(message["status"])
                timing = (b"server-timing", f"app;dur={1000 * seconds:.1f}".encode())
                message = {**message, "headers": [*message.get("headers", ()), timing]}
            await send(message)

        try:
            await self._app(scope, receive, measured)
        except Exception:
            if not answered:
                note(500)
            raise

"""One reader's stream of server-sent events.

What waits for a reader is one event at most, beside what its connection holds. One who takes nothing for
`STALLED_SECONDS` is let go, and all are when the master ends: then their connections hold up nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from seedcast.services.master.events.feed import LOOK_SECONDS, Feed, Position, briefly
from seedcast.shared.errors import Busy, NotFound

MOST_READERS = 1000
HEARTBEAT_SECONDS = 15.0
"""So often at least something is said: proxies close what is silent for a minute."""
STALLED_SECONDS = 60.0
RETRY_MILLISECONDS = 2000
BEGINNING = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
HEARTBEAT = b": nothing new\n\n"
DELETED = b"event: deleted\ndata: {}\n\n"


class Readers:
    """Everybody who reads events now."""

    def __init__(self, feed: Feed, leaving: asyncio.Event) -> None:
        """Once ``leaving`` is set, all are let go."""
        self._feed = feed
        self._leaving = leaving
        self._count = 0

    def stream(self, experiment_id: str, position: Position, *, brief: bool = False) -> EventStream:
        """Return the answer to one more reader; a ``brief`` one is told only that there is something new.

        Raises:
            Busy: there are too many.
        """
        if self._count >= MOST_READERS:
            raise Busy(f"{MOST_READERS} readers of events are the most", retry_after=10)
        return EventStream(self, experiment_id, position, brief)

    async def serve(self, stream: EventStream, receive: Receive, send: Send) -> None:
        """Send a reader what there is until it, the experiment or the master is gone, or it takes no more."""
        self._count += 1
        sending = asyncio.create_task(self._send(stream, send))
        others = [asyncio.create_task(_gone(receive)), asyncio.create_task(self._leaving.wait())]
        try:
            await asyncio.wait([sending, *others], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            self._count -= 1
            for task in (sending, *others):
                task.cancel()
            await asyncio.gather(sending, *others, return_exceptions=True)

    async def _send(self, stream: EventStream, send: Send) -> None:
        await send({"type": "http.response.start", "status": stream.status_code, "headers": stream.raw_headers})
        try:
            async for chunk in self._chunks(stream):
                async with asyncio.timeout(STALLED_SECONDS):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            return  # the connection is cut: it reads on from where it was, if it ever does

    async def _chunks(self, stream: EventStream) -> AsyncIterator[bytes]:
        position = stream.position
        loop = asyncio.get_running_loop()
        yield BEGINNING
        said = loop.time()
        while True:
            try:
                events = await self._feed.after(stream.experiment_id, position)
            except NotFound:
                yield DELETED
                return
            for event in briefly(events) if stream.brief else events:
                yield event.encoded()
                position, said = event.position, loop.time()
            if loop.time() - said >= HEARTBEAT_SECONDS:
                yield HEARTBEAT
                said = loop.time()
            await asyncio.sleep(LOOK_SECONDS)


class EventStream(Response):
    """The events of one experiment after a position, for one reader."""

    media_type = "text/event-stream"

    def __init__(self, readers: Readers, experiment_id: str, position: Position, brief: bool) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._readers = readers
        self.experiment_id = experiment_id
        self.position = position
        self.brief = brief

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await self._readers.serve(self, receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

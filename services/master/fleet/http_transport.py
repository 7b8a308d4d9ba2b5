"""HTTP/1.1 to one place, as a transport of httpx: the event loop carries the bytes, httptools parses what comes.

httpx's own transport (httpcore, on anyio) takes the master four times the CPU time for a request, and its pool
scans all connections on each. Here a request gets the connection that was used last, or a new one.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from contextlib import suppress
from functools import cache
from ipaddress import ip_address
from typing import cast

import httptools
import httpx

KEEP_ALIVE_SECONDS = 30.0
"""Below the worker's own 75 s, so that a kept connection is never closed under a request."""


class Transport(httpx.AsyncBaseTransport):
    """Connections to the origin of a URL: as many as there are requests at a time, kept for a while after them.

    Of a request's timeouts it heeds ``connect``, and ``read``, in which the whole reply has to be there.
    """

    def __init__(self, url: str, keep_alive_seconds: float = KEEP_ALIVE_SECONDS) -> None:
        origin = httpx.URL(url)
        self._host, self._secure = origin.raw_host.decode("ascii"), origin.scheme == "https"
        self._port = origin.port or (443 if self._secure else 80)
        self._keep_alive_seconds = keep_alive_seconds
        self._idle: deque[_Connection] = deque()
        """The one used last at the right."""
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the whole response. Cancelling closes the connection.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: nothing has been sent.
            httpx.ReadTimeout: the response has not come in time.
            httpx.ReadError, httpx.RemoteProtocolError: the connection broke, or what came is no response.
        """
        head, body, timeouts = _head(request), request.read(), request.extensions["timeout"]
        connection = self._take() or await self._connect(timeouts["connect"])
        try:
            async with asyncio.timeout(timeouts["read"]):
                status, headers, content = await connection.exchange(head, body)
        except TimeoutError as error:
            raise httpx.ReadTimeout("no reply in time") from error
        finally:
            self._give_back(connection)
        return httpx.Response(status, headers=headers, content=content, request=request)

    async def aclose(self) -> None:
        """Close the connections, those in use as soon as they are free."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
        await asyncio.sleep(0)  # the loop closes their sockets

    def _take(self) -> _Connection | None:
        oldest_kept = asyncio.get_running_loop().time() - self._keep_alive_seconds
        while self._idle and not (self._idle[0].free and self._idle[0].used >= oldest_kept):
            self._idle.popleft().close()
        while self._idle:
            if (connection := self._idle.pop()).free:
                return connection
        return None

    def _give_back(self, connection: _Connection) -> None:
        if connection.free and not self._closed:
            connection.used = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()

    async def _connect(self, seconds: float | None) -> _Connection:
        """Connect to the first address that answers; each has the same part of the time."""
        trouble: OSError | None = None  # TimeoutError is one
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._addresses()
                for address in addresses:
                    try:
                        async with asyncio.timeout(seconds and seconds / len(addresses)):
                            return await self._connect_to(address)
                    except OSError as error:
                        trouble = error
        except OSError as error:
            trouble = error
        if isinstance(trouble, TimeoutError):
            raise httpx.ConnectTimeout("no connection in time") from trouble
        raise httpx.ConnectError(str(trouble or "no address")) from trouble

    async def _addresses(self) -> list[str]:
        with suppress(ValueError):
            return [str(ip_address(self._host))]  # nobody has to be asked
        found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        return [str(entry[4][0]) for entry in found]

    async def _connect_to(self, address: str) -> _Connection:
        tls = _tls() if self._secure else None
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, address, self._port, ssl=tls, server_hostname=self._host if self._secure else None
        )
        return connection


class _Connection(asyncio.Protocol):
    """A connection: one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        """None: closed."""
        self._reply: _Reply | None = None
        """What is waited for."""
        self.used = 0.0
        """When it was used last, on the loop's clock."""

    @property
    def free(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and self._reply is None

    async def exchange(self, head: bytes, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Send a request; return its reply: status, headers and body. Closes itself where it was the last."""
        if self._transport is None:
            raise httpx.ReadError("the connection is closed")
        self._reply = reply = _Reply()
        self._transport.writelines([head, body] if body else [head])
        try:
            done = await reply.whole
        except BaseException:
            self.close()
            raise
        self._reply = None
        if not reply.kept or (self._transport and self._transport.get_write_buffer_size()):
            self.close()  # by its own word, or as it has answered before it was asked all
        return done

    def close(self) -> None:
        """Drop the connection, and what is under way on it."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take in a part of a reply. Where nobody has asked for one, it is none."""
        if self._reply is None:
            self.close()
            return
        try:
            self._reply.feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._reply.fail(httpx.RemoteProtocolError(f"{type(error).__name__}: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        """End the reply, as well as it can be."""
        self._transport = None
        if self._reply is not None:
            self._reply.end(error)


class _Reply:
    """A response as it comes in. httptools calls what begins with ``on_``."""

    def __init__(self) -> None:
        self.whole: asyncio.Future[tuple[int, list[tuple[bytes, bytes]], bytes]]
        self.whole = asyncio.get_running_loop().create_future()
        self.kept = False
        """Whether the connection stays open after it."""
        self._parser = httptools.HttpResponseParser(self)
        self.feed = self._parser.feed_data
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._keep_alive = self._ends_with_connection = False

    def on_message_begin(self) -> None:
        """Begin anew: what came before was a word in between (1xx), or this is one too many."""
        self.kept = False
        self._headers, self._body = [], []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note what they say of the connection."""
        names = {name.lower() for name, _ in self._headers}
        self._ends_with_connection = not names & {b"content-length", b"transfer-encoding"}
        self._keep_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """Note a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Have it, unless it was only a word in between."""
        if self._parser.get_status_code() >= 200 and not self.whole.done():
            self.kept = self._keep_alive
            self._finish()

    def end(self, error: Exception | None) -> None:
        """The connection has ended."""
        if error is None and self._ends_with_connection:
            self._finish()
        elif error is None:
            self.fail(httpx.RemoteProtocolError("the connection was closed before the whole reply was there"))
        else:
            self.fail(httpx.ReadError(str(error)))

    def fail(self, error: httpx.TransportError) -> None:
        """There will be no reply."""
        if not self.whole.done():
            self.whole.set_exception(error)

    def _finish(self) -> None:
        if not self.whole.done():
            self.whole.set_result((self._parser.get_status_code(), self._headers, b"".join(self._body)))


@cache
def _tls() -> ssl.SSLContext:
    """Load the certificates once: it takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)


def _head(request: httpx.Request) -> bytes:
    """Return the first lines of a request.

    Raises:
        httpx.LocalProtocolError: a header holds the end of a line.
    """
    lines = [b"%b: %b\r\n" % header for header in request.headers.raw]
    head = b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method.encode(), request.url.raw_path, b"".join(lines))
    if head.count(b"\n") != len(lines) + 2 or head.count(b"\r") != len(lines) + 2:
        raise httpx.LocalProtocolError("a header holds the end of a line")
    return head

"""The transport of the master's requests, against servers that write byte for byte what a test says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from seedcast.services.master.fleet.http_transport import Transport

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """What a server has seen."""

    url: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """A client has closed its connection."""


@asynccontextmanager
async def serving(*replies: bytes, then: Play | None = None) -> AsyncIterator[Server]:
    """Answer each request of a connection with the next of ``replies``; after the last, do as ``then`` says."""
    seen = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            for reply in replies:
                seen.requests.append(await _request(reader))
                writer.write(reply)
            if then is not None:
                await then(reader, writer)
            else:
                await reader.read()
                seen.ended.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            seen.ended.set()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield seen
    finally:
        server.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    return head + await reader.readexactly(int(length.partition(b":")[2]))


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.transport.abort()


async def ask(way: Transport, url: str, content: bytes | None = None, **timeouts: float) -> httpx.Response:
    limits: Any = {"connect": 10.0, "read": 20.0, **timeouts}
    method = "GET" if content is None else "POST"
    return await way.handle_async_request(
        httpx.Request(method, f"{url}/path?a=b", content=content, extensions={"timeout": limits})
    )


def test_requests_one_after_another_share_a_connection_and_those_at_once_have_their_own() -> None:
    async def main() -> None:
        async with serving(HELLO, HELLO, HELLO) as server:
            way = Transport(server.url)
            for _ in range(2):
                response = await ask(way, server.url, b"body")
                assert (response.status_code, response.content) == (200, b"hello")
            assert server.connections == 1
            await asyncio.gather(ask(way, server.url), ask(way, server.url))
            assert server.connections == 2
            await way.aclose()
            await server.ended.wait()
        host = server.url.removeprefix("http://").encode()
        assert server.requests[0] == (
            b"POST /path?a=b HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 4\r\n\r\nbody"
        )

    asyncio.run(main())


@pytest.mark.parametrize(
    ("reply", "then", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", None, b"hello"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HELLO, None, b"hello"),
        (b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello", hang_up, b"hello"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", None, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", None, b""),
    ],
    ids=["chunked", "after a word in between", "ended by the connection's end", "the last one", "empty"],
)
def test_every_form_of_a_reply_is_understood(reply: bytes, then: Play | None, body: bytes) -> None:
    async def main() -> None:
        async with serving(reply, then=then) as server:
            response = await ask(Transport(server.url), server.url)
            assert response.content == body
            assert "link" not in response.headers

    asyncio.run(main())


@pytest.mark.parametrize(
    ("reply", "then", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", hang_up, httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", hang_up, httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Ty", hang_up, httpx.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH\r\n", None, httpx.RemoteProtocolError),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", None, httpx.RemoteProtocolError),
        (b"", hang_up, httpx.RemoteProtocolError),
    ],
    ids=["cut short", "cut in a chunk", "cut in its head", "no HTTP", "another protocol", "none"],
)
def test_a_reply_that_is_none_or_not_whole_is_an_error(
    reply: bytes, then: Play | None, error: type[httpx.TransportError]
) -> None:
    async def main() -> None:
        async with serving(reply, then=then) as server:
            with pytest.raises(error):
                await ask(Transport(server.url), server.url)

    asyncio.run(main())


def test_a_connection_reset_while_its_reply_is_waited_for_is_no_failure_to_connect() -> None:
    async def main() -> None:
        async with serving(then=reset) as server:
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                await ask(Transport(server.url), server.url, b"unit")

    asyncio.run(main())


def test_a_server_that_closed_an_idle_connection_is_connected_to_again() -> None:
    async def main() -> None:
        async with serving(HELLO, then=hang_up) as server:
            way = Transport(server.url)
            for _ in range(3):
                await ask(way, server.url)
                while way._idle and way._idle[0].free:  # noqa: ASYNC110 - until the end of it is noticed
                    await asyncio.sleep(0.001)
            assert server.connections == 3

    asyncio.run(main())


def test_what_comes_unasked_is_no_reply_to_the_next_request() -> None:
    async def main() -> None:
        async with serving(HELLO + HELLO.replace(b"hello", b"wrong"), HELLO) as server:
            way = Transport(server.url)
            assert (await ask(way, server.url)).content == b"hello"
            assert (await ask(way, server.url)).content == b"hello"
            assert server.connections == 2

    asyncio.run(main())


def test_a_connection_is_not_used_again_once_it_was_idle_for_too_long() -> None:
    async def main() -> None:
        async with serving(HELLO, HELLO) as server:
            way = Transport(server.url, keep_alive_seconds=-1.0)  # long ago at once
            await ask(way, server.url)
            await ask(way, server.url)
            assert server.connections == 2
            await server.ended.wait()

    asyncio.run(main())


@pytest.mark.parametrize("way_of_giving_up", ["cancelled", "too late"])
def test_giving_a_request_up_closes_its_connection_so_that_the_worker_notices(way_of_giving_up: str) -> None:
    async def main() -> None:
        came = asyncio.Event()

        async def never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await _request(reader)
            came.set()
            await reader.read()
            server.ended.set()

        async with serving(then=never) as server:
            limit = {} if way_of_giving_up == "cancelled" else {"read": 0.05}
            asking = asyncio.create_task(ask(Transport(server.url), server.url, b"unit", **limit))
            if way_of_giving_up == "cancelled":
                await came.wait()
                asking.cancel()
            with pytest.raises((httpx.ReadTimeout, asyncio.CancelledError)):
                await asking
            if came.is_set():
                await server.ended.wait()

    asyncio.run(main())


def test_an_answer_before_the_whole_request_was_read_counts_and_ends_the_connection() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await closed.wait()

    closed = asyncio.Event()

    async def main() -> None:
        async with serving(then=refuse) as server:
            way = Transport(server.url)
            assert (await ask(way, server.url, bytes(50_000_000))).status_code == 413
            assert not way._idle
            closed.set()

    asyncio.run(main())


def test_a_port_that_nobody_listens_on_is_a_failure_to_connect() -> None:
    with socket.socket() as taken:  # bound, not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(httpx.ConnectError):
            asyncio.run(ask(Transport(url), url))


def test_a_plain_server_where_tls_was_asked_for_is_a_failure_to_connect() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)

    async def main() -> None:
        async with serving(then=greet) as server:
            url = server.url.replace("http:", "https:")
            with pytest.raises(httpx.ConnectError):
                await ask(Transport(url), url)

    asyncio.run(main())


@pytest.mark.parametrize("addresses", [["silent"], ["silent", "good"]])
def test_an_address_that_never_answers_is_too_late_and_leaves_time_for_the_next(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with serving(HELLO) as server:
            way = Transport(server.url)
            connect = way._connect_to

            async def connect_to(address: str) -> Any:
                return await (asyncio.Event().wait() if address == "silent" else connect("127.0.0.1"))

            async def found() -> list[str]:
                return addresses

            monkeypatch.setattr(way, "_addresses", found)
            monkeypatch.setattr(way, "_connect_to", connect_to)
            if addresses == ["silent"]:
                with pytest.raises(httpx.ConnectTimeout):
                    await ask(way, server.url, connect=0.05)
            else:
                assert (await ask(way, server.url, connect=2.0)).content == b"hello"

    asyncio.run(main())


def test_a_header_that_would_begin_another_request_is_refused() -> None:
    async def main() -> None:
        async with serving(HELLO) as server:
            request = httpx.Request("GET", server.url, headers={"Authorization": "Bearer x\r\nHost: other"})
            request.extensions["timeout"] = {"connect": 10.0, "read": 10.0}
            with pytest.raises(httpx.LocalProtocolError):
                await Transport(server.url).handle_async_request(request)
            assert server.requests == []

    asyncio.run(main())

"""What a worker's answers mean to the master, against servers that write byte for byte what a test says."""

from __future__ import annotations

import asyncio

import pytest

from seedcast.services.master.fleet.worker_client import WorkerClient, WorkerLost
from seedcast.shared.digest import CONTENT_DIGEST, content_digest
from seedcast.shared.errors import ProtocolMismatch, SeedcastError
from seedcast.shared.protocol import PROTOCOL_VERSION
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.master.fleet.test_http_transport import serving


def answer(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def digest(body: bytes) -> str:
    return f"{CONTENT_DIGEST}: {content_digest(body)}"


def error_of_info(reply: bytes) -> SeedcastError:
    async def main() -> SeedcastError:
        async with serving(reply) as server:
            with pytest.raises(SeedcastError) as error:
                await WorkerClient(server.url).info()
        return error.value

    return asyncio.run(main())


STRANGE = b'{"protocol": 99, "slots": "many"}'


@pytest.mark.parametrize("headers", [(), (digest(STRANGE),)])
def test_a_worker_of_another_protocol_is_told_apart_whatever_else_it_says(headers: tuple[str, ...]) -> None:
    error = error_of_info(answer(STRANGE, *headers))
    assert isinstance(error, ProtocolMismatch)
    assert str(error) == f"it speaks protocol version 99, this master version {PROTOCOL_VERSION}"


@pytest.mark.parametrize(
    "reply",
    [
        answer(STRANGE, digest(b"something else")),
        answer(b"{}", digest(b"{}")),
        answer(b"<html>", digest(b"<html>")),
    ],
    ids=["damaged", "nothing", "no JSON"],
)
def test_a_worker_that_says_nothing_that_can_be_read_is_no_worker_of_another_protocol(reply: bytes) -> None:
    assert isinstance(error_of_info(reply), WorkerLost)


def test_a_description_that_cannot_be_read_is_a_fault_of_its_worker() -> None:
    async def main() -> None:
        async with serving(answer(b"{}", digest(b"{}"))) as server:
            with pytest.raises(WorkerLost, match="EnvironmentDescription cannot be read"):
                await WorkerClient(server.url).describe(EnvironmentSpec(id="CartPole-v1"))

    asyncio.run(main())


def test_what_the_worker_takes_is_remembered_if_it_is_a_number() -> None:
    async def main() -> None:
        for text, expected in (("12345", 12345), ("much", None), ("9" * 30, None)):
            async with serving(answer(b"", f"Seedcast-Memory-Bytes: {text}")) as server:
                client = WorkerClient(server.url)
                assert await client.ready()
                assert client.memory_bytes == expected

    asyncio.run(main())

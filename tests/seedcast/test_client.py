"""The client's view of a master, and of what is none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seedcast import Client
from seedcast.errors import InvalidInput, MasterUnreachable
from tests.processes import free_port


class Stranger(ThreadingHTTPServer):
    """Some other server, which answers everything alike."""

    status: int
    body: bytes


class Handler(BaseHTTPRequestHandler):
    server: Stranger

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
        """Say nothing."""


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    with Stranger(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


CALLS: list[Callable[[Client], object]] = [
    Client.workers,
    Client.experiments,
    lambda api: api.progress("x"),
    lambda api: api.generations("x", 0),
]


@pytest.mark.parametrize("call", CALLS, ids=["workers", "experiments", "progress", "history"])
@pytest.mark.parametrize("status", [200, 404, 502])
@pytest.mark.parametrize("body", [b"<html>hello</html>", b"", b"[1]", b'{"detail": 3}', b"\xff"])
def test_another_server_on_the_port_is_told_in_one_line(
    stranger: Stranger, call: Callable[[Client], object], status: int, body: bytes
) -> None:
    stranger.status, stranger.body = status, body
    url = f"http://127.0.0.1:{stranger.server_port}"
    with pytest.raises(MasterUnreachable, match=f"{url} .*no Seedcast master.*{status}") as caught:
        call(Client(url))
    assert len(str(caught.value).splitlines()) == 1


def test_a_token_that_no_header_can_carry_is_the_token_s_fault_and_no_lost_master() -> None:
    with pytest.raises(InvalidInput, match="token: has a character that is not printable") as caught:
        Client("http://127.0.0.1:9", token="one\ntwo")  # noqa: S106
    assert "two" not in str(caught.value), "a secret is told to nobody"


def test_nobody_on_the_port_is_told_in_one_line() -> None:
    with pytest.raises(MasterUnreachable, match="does not answer"):
        Client(f"http://127.0.0.1:{free_port()}").experiments()

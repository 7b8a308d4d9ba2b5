from __future__ import annotations

import asyncio
import socket

import pytest

from seedcast.services.master.fleet.discovery import parse_workers
from seedcast.shared.errors import StartupError


def test_static_urls_are_kept_in_order_and_once() -> None:
    discovery = parse_workers("http://a:1, http://b:2/,http://a:1")
    assert asyncio.run(discovery.urls()) == ["http://a:1", "http://b:2"]


def test_a_dns_name_becomes_one_url_for_each_address() -> None:
    urls = asyncio.run(parse_workers("dns://localhost:8001").urls())
    assert "http://127.0.0.1:8001" in urls or "http://[::1]:8001" in urls


def test_a_name_that_does_not_resolve_has_no_workers_for_now() -> None:
    assert asyncio.run(parse_workers("dns://no-such-host.invalid:8001").urls()) == []


@pytest.mark.parametrize(
    "entry",
    ["a:1", "dns://service", "ftp://a", "http://", "http://a:notaport", "dns://a..b:80", "http://a\x07b:1"],
)
def test_a_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(StartupError, match="SEEDCAST_WORKERS"):
        parse_workers(f"http://fine:1,{entry}")


def test_the_last_answer_stands_while_dns_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    discovery = parse_workers("dns://localhost:8001")

    async def run() -> None:
        before = await discovery.urls()
        failing = socket.gaierror(socket.EAI_AGAIN, "temporary failure")
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(failing))
        assert await discovery.urls() == before != []

    asyncio.run(run())


def test_a_name_that_vanished_does_not_revive_its_old_addresses_when_dns_fails_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    discovery = parse_workers("dns://localhost:8001")

    async def run() -> None:
        assert await discovery.urls() != []
        for error in (socket.EAI_NONAME, socket.EAI_AGAIN):
            failing = socket.gaierror(error, "no answer")
            monkeypatch.setattr(
                socket, "getaddrinfo", lambda *_, error=failing, **__: (_ for _ in ()).throw(error)
            )
            assert await discovery.urls() == []

    asyncio.run(run())


def test_one_place_by_several_names_is_one_worker() -> None:
    named = "http://localhost:8001, http://127.0.0.1:8001/, http://127.0.0.1:8002, https://localhost:8001"
    found = asyncio.run(parse_workers(named).urls())
    assert found == ["http://localhost:8001", "http://127.0.0.1:8002", "https://localhost:8001"]
    assert asyncio.run(parse_workers("http://Worker, http://worker:80").urls()) == ["http://Worker"]

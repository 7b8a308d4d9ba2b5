"""Where the workers are: a fixed list of URLs, or the addresses behind a DNS name.

`SEEDCAST_WORKERS` holds any mix, separated by commas: ``http://127.0.0.1:8001`` or ``dns://service:port``, the
name of a headless Service, whose addresses change as pods come and go.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from seedcast.shared.errors import StartupError

NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}

RESOLVE_SECONDS = 5.0
"""A resolver may think for half a minute; meanwhile the last answer stands."""


class Discovery(Protocol):
    """A source of worker URLs."""

    async def urls(self) -> list[str]:
        """Return the base URLs of the workers there should be now."""
        ...


class StaticDiscovery:
    """A worker that is always at the same place."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def urls(self) -> list[str]:
        """Return the one URL."""
        return [self._url]


class DnsDiscovery:
    """Every address of a name. A name that does not exist has none; when DNS fails, the last answer stands."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._last: list[str] = []

    async def urls(self) -> list[str]:
        """Resolve the name anew."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except TimeoutError:
            return self._last
        except socket.gaierror as error:
            if error.errno in NO_SUCH_NAME:
                self._last = []
            return self._last
        addresses = sorted({str(entry[4][0]) for entry in found})
        self._last = [f"http://{_bracketed(address)}:{self._port}" for address in addresses]
        return self._last


class AllOf:
    """Several sources as one."""

    def __init__(self, sources: Sequence[Discovery]) -> None:
        self._sources = sources

    async def urls(self) -> list[str]:
        """Return what all sources return, each worker once, by the first of its names."""
        lists = await asyncio.gather(*(source.urls() for source in self._sources))
        found: dict[str, str] = {}
        for url in (url for urls in lists for url in urls):
            found.setdefault(_place(url), url)
        return list(found.values())


def parse_workers(workers: str) -> Discovery:
    """Read the value of `SEEDCAST_WORKERS`.

    Raises:
        StartupError: an entry is neither an HTTP URL nor dns://host:port.
    """
    return AllOf([_parse(entry.strip()) for entry in workers.split(",") if entry.strip()])


def _parse(entry: str) -> Discovery:
    try:
        parts = urlsplit(entry)
        port = parts.port
        (parts.hostname or "").encode("idna")
        if not entry.isprintable():
            raise ValueError("it holds control characters")
    except ValueError as error:  # UnicodeError is one
        raise StartupError(f"SEEDCAST_WORKERS: {entry!r} is not a URL ({error})") from error
    if parts.scheme in ("http", "https") and parts.hostname:
        return StaticDiscovery(entry.rstrip("/"))
    if parts.scheme == "dns" and parts.hostname and port:
        return DnsDiscovery(parts.hostname, port)
    raise StartupError(f"SEEDCAST_WORKERS: {entry!r} is neither http://host:port nor dns://host:port")


def _place(url: str) -> str:
    """Return what is equal of URLs that lead to one place: localhost is 127.0.0.1, and a port may go unsaid."""
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}:{port}{parts.path}"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address

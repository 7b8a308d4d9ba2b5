"""What stands between a server and the web pages that its user's browser shows.

A page of any site can have the browser send requests to this machine or its network. It cannot read the answers,
but what a request changes is changed. Three rules close that, whether there is a token or not; docs/security.md
says against whom.

- A request that may change something and comes from another site's page is refused: by ``Origin``, which every
  browser sends with it (RFC 6454, 2011, https://www.rfc-editor.org/rfc/rfc6454), and by ``Sec-Fetch-Site``
  (W3C, Fetch Metadata Request Headers, https://www.w3.org/TR/fetch-metadata/). Programs send neither.
- A body is taken by its declared type alone, and no type that a form can send is one.
- Where there is no token, only hosts are answered for whose names no stranger can have point here: a page whose
  own name leads to this machine (DNS rebinding) would be of the same origin.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seedcast.shared.errors import Forbidden, MisdirectedRequest, SeedcastError, UnsupportedMediaType
from seedcast.shared.problem_responses import error_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})
PRIVATE_ENDINGS = (".localhost", ".svc", ".cluster.local", ".internal")
"""Nobody can register a name below these: RFC 6761, Kubernetes' own, and what ICANN reserved for private use."""

JSON_TYPES = frozenset({"application/json"})
YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})
DEFAULT_PORTS = {"http": 80, "https": 443}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer: no other page may guess its type, show it in a frame, or load it as its own."""


class Guard:
    """ASGI middleware in front of everything else.

    ``media_types`` are those that bodies may have. ``hosts`` are names that the server has besides its addresses
    and private names; ``any_host`` has it answer for all others, too, as is safe where it asks for a token.
    """

    def __init__(
        self, app: ASGIApp, media_types: Collection[str], hosts: Collection[str] = (), any_host: bool = False
    ) -> None:
        self._app = app
        self._media_types = frozenset(media_types)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on; either way the answer tells browsers to keep it to themselves."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _finish(MutableHeaders(scope=message))
            await send(message)

        try:
            self._check(scope["method"], Headers(scope=scope))
        except SeedcastError as error:
            await error_response(error)(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _check(self, method: str, headers: Headers) -> None:
        """Raise what is wrong with a request.

        Raises:
            MisdirectedRequest: the host is a stranger's.
            Forbidden: another site's page asks for it.
            UnsupportedMediaType: the body is of another kind than are taken.
        """
        host = headers.get("host", "")
        if host and not self._any_host and not self._answers_for(_hostname(host)):
            reason = f"no host {host!r} here; without a token only addresses, private names and the names in"
            raise MisdirectedRequest(f"{reason} SEEDCAST_ALLOWED_HOSTS are answered for")
        if method in SAFE_METHODS:
            return
        if headers.get("sec-fetch-site", "none") not in OWN_SITES:
            raise Forbidden("a page of another site may change nothing here")
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, host):
            raise Forbidden(f"a page of {origin!r} may change nothing here")
        self._check_media_type(headers)

    def _answers_for(self, name: str) -> bool:
        return name in self._hosts or is_private(name)

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            page = urlsplit(origin)
            same = _netloc(page.netloc, page.scheme) == _netloc(host, page.scheme)
            return page.scheme in DEFAULT_PORTS and (same or page.hostname in self._hosts)
        except ValueError:
            return False

    def _check_media_type(self, headers: Headers) -> None:
        if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
            return
        if (given := media_type(headers)) not in self._media_types:
            wanted = ", ".join(sorted(self._media_types))
            raise UnsupportedMediaType(f"the Content-Type of a body has to be one of {wanted}, got {given!r}")


def media_type(headers: Headers) -> str:
    """Return a body's declared type, without parameters; empty where none is declared."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_private(name: str) -> bool:
    """Whether no stranger can make a host name lead here: an address, a bare name, or one of a private domain."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        labels = name.rstrip(".")
        return bool(labels) and ("." not in labels or labels.endswith(PRIVATE_ENDINGS))
    return True


def is_loopback(host: str) -> bool:
    """Whether a server that listens there can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _netloc(netloc: str, scheme: str) -> tuple[str | None, int | None]:
    parts = urlsplit(f"//{netloc}")
    return parts.hostname, parts.port or DEFAULT_PORTS.get(scheme)


def _finish(headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    location = headers.get("location", "")
    if location.startswith(("http://", "https://")):  # Starlette repeats the Host, which anybody may have made up
        headers["location"] = urlsplit(location)._replace(scheme="", netloc="").geturl() or "/"

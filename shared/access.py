"""Who may call a server: whoever has one of its tokens, where it is given any.

Programs send ``Authorization: Bearer TOKEN`` (RFC 6750, 2012, https://www.rfc-editor.org/rfc/rfc6750). Browsers
ask for a name and a password (RFC 7617, 2015, https://www.rfc-editor.org/rfc/rfc7617): any name, and the token as
password.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from seedcast.shared.errors import Forbidden, Unauthorised
from seedcast.shared.guard import SAFE_METHODS
from seedcast.shared.problem_responses import error_response

OPEN = frozenset({"/livez", "/readyz", "/metrics"})
"""For the kubelet, load balancers and Prometheus, which have no token. They tell of no experiment's contents."""
CHALLENGES = ('Basic realm="Seedcast", charset="UTF-8"', 'Bearer realm="Seedcast"')

_PATTERN = r"[A-Za-z0-9._~+/-]{16,4096}=*"
_WANTED = "16 characters or more, of A-Z a-z 0-9 . _ ~ + / -"


def _token(text: str) -> str:
    stripped = text.strip()
    if not re.fullmatch(_PATTERN, stripped):
        raise PydanticCustomError("token", "{reason}", {"reason": f"a token has {_WANTED}"})
    return stripped


Token = Annotated[str, AfterValidator(_token)]
"""What RFC 6750 lets a bearer token consist of, and enough of it not to be guessed."""


class Right(StrEnum):
    """What a token is good for."""

    READ = "read"
    """Whatever changes nothing: GET and HEAD."""
    WRITE = "write"
    """Everything."""


@dataclass(frozen=True)
class NamedToken:
    """A token, whose it is, and what it is good for."""

    name: str
    right: Right
    token: str = field(repr=False)


def parse_tokens(text: str) -> tuple[NamedToken, ...]:
    """Read ``name:read:TOKEN name:write:TOKEN``, separated by blanks, commas or line ends.

    Raises:
        ValueError: an entry is no such thing, or two have one name; no token is shown.
    """
    tokens = [_named(entry, number) for number, entry in enumerate(re.split(r"[\s,]+", text.strip()), start=1)]
    if len({token.name for token in tokens}) < len(tokens):
        raise ValueError("two tokens have the same name")
    return tuple(tokens)


class TokenRequired:
    """ASGI middleware in front of everything: pages, files, streams and paths that do not exist."""

    def __init__(self, app: ASGIApp, tokens: Sequence[NamedToken]) -> None:
        self._app = app
        self._tokens = [(_digest(token.token.encode()), token) for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 without a token, 403 with one for less; pass on everything else, and what is open."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        caller = self._caller(Headers(scope=scope))
        if caller is None:
            response = error_response(
                Unauthorised("this wants one of the server's tokens, as Bearer or as Basic's password")
            )
            for challenge in CHALLENGES:
                response.headers.append("WWW-Authenticate", challenge)
            await response(scope, receive, send)
        elif caller.right is Right.READ and scope["method"] not in SAFE_METHODS:
            await error_response(Forbidden(f"the token {caller.name!r} is for reading only"))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _caller(self, headers: Headers) -> NamedToken | None:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        credentials = credentials.strip()
        if scheme.lower() == "bearer":
            return self._whose(credentials.encode("latin-1"))
        return self._whose(_password(credentials)) if scheme.lower() == "basic" else None

    def _whose(self, given: bytes) -> NamedToken | None:
        """Compare with every token, whichever it is, so that the time taken tells nothing."""
        digest = _digest(given)
        matches = [named for token, named in self._tokens if hmac.compare_digest(digest, token)]
        return matches[0] if matches else None


def _digest(token: bytes) -> bytes:
    """Make tokens of all lengths equally long."""
    return hashlib.sha256(token).digest()


def _named(entry: str, number: int) -> NamedToken:
    name, _, rest = entry.partition(":")
    right, _, token = rest.partition(":")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) or right not in tuple(Right):
        raise ValueError(f"token {number} is not NAME:read:TOKEN or NAME:write:TOKEN")
    if not re.fullmatch(_PATTERN, token):
        raise ValueError(f"the token of {name} needs {_WANTED}")
    return NamedToken(name, Right(right), token)


def _password(credentials: str) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""

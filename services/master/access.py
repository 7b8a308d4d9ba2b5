"""Who may call the master: whoever has its token, where it is given one.

Programs send ``Authorization: Bearer TOKEN`` (RFC 6750, 2012, https://www.rfc-editor.org/rfc/rfc6750). Browsers
ask for a name and a password (RFC 7617, 2015, https://www.rfc-editor.org/rfc/rfc7617): any name, and the token as
password.
"""

from __future__ import annotations

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import Unauthorised
from shared.problems import error_response

OPEN = frozenset({"/livez", "/readyz", "/metrics"})
"""For the kubelet, load balancers and Prometheus, which have no token. They tell of no experiment's contents."""
CHALLENGES = ('Basic realm="Seedcast", charset="UTF-8"', 'Bearer realm="Seedcast"')
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})


class TokenRequired:
    """ASGI middleware in front of everything: pages, files, streams and paths that do not exist."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 without a token; pass on everything else, and what is open."""
        if scope["type"] == "http" and scope["path"] not in OPEN and not self._admits(scope):
            response = error_response(
                Unauthorised("this wants the master's token, as Bearer or as Basic's password")
            )
            for challenge in CHALLENGES:
                response.headers.append("WWW-Authenticate", challenge)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        credentials = credentials.strip()
        if scheme.lower() == "bearer":
            return self._is_token(credentials.encode("latin-1"))
        if scheme.lower() == "basic":
            return self._is_token(_password(credentials)) and not _forged(scope["method"], headers)
        return False

    def _is_token(self, given: bytes) -> bool:
        return hmac.compare_digest(given, self._token)


def _password(credentials: str) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _forged(method: str, headers: Headers) -> bool:
    """Whether a page of another site has the browser, which adds what it remembers, change something."""
    return method not in SAFE_METHODS and headers.get("sec-fetch-site", "none") not in OWN_SITES

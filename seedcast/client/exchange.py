"""What both clients do with a request before it is sent and with a response once it is there."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from seedcast.client.calls import Call
from seedcast.errors import MasterUnreachable
from seedcast.shared.errors import (
    Busy,
    Conflict,
    FieldError,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    SeedcastError,
    StorageFailed,
    Unauthorised,
)
from seedcast.shared.problems import Problem

T = TypeVar("T")
NO_CONTENT = 204
RECONNECT_SECONDS = 1.0
"""Before a broken stream of events is asked for again."""
DEFAULT_URL = "http://127.0.0.1:8000"
_BY_STATUS: dict[int, type[SeedcastError]] = {
    error.status: error for error in (Unauthorised, NotFound, Conflict, PayloadTooLarge, Busy, StorageFailed)
}


def options(url: str | None, token: str | None, timeout: float) -> dict[str, Any]:
    """Return what an httpx client is made with; SEEDCAST_URL and SEEDCAST_TOKEN stand in for what is not given.

    Proxies of the environment are not used: a master is near.

    Raises:
        InvalidInput: the address is none of HTTP's, or the token none that a header can carry.
    """
    url = url or os.environ.get("SEEDCAST_URL", "").strip() or DEFAULT_URL
    if not _is_address(url):
        raise InvalidInput.of("url", "must be like http://127.0.0.1:8000 or https://seedcast.example.com", url)
    token = token if token is not None else os.environ.get("SEEDCAST_TOKEN", "").strip()
    if not token.isprintable():
        raise InvalidInput.of("token", "has a character that is not printable, such as the end of a line")
    headers = {b"Authorization": b"Bearer " + token.encode()} if token else None
    return {"base_url": url, "headers": headers, "timeout": timeout, "trust_env": False}


def _is_address(url: str) -> bool:
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return False
    return parts.scheme in ("http", "https") and bool(parts.host) and not parts.host.startswith(("[", "%"))


def arguments(call: Call[Any]) -> dict[str, Any]:
    """Return what httpx is asked to send."""
    body = {} if call.json is None else {"json": call.json}
    return {
        "method": call.method,
        "url": call.path,
        "params": {name: value for name, value in call.params.items() if value is not None},
        "headers": dict(call.headers),
        **body,
    }


def unreachable(url: httpx.URL, error: httpx.HTTPError) -> MasterUnreachable:
    """Say that nothing answers."""
    reason = str(error) or type(error).__name__
    return MasterUnreachable(f"the master at {_root(url)} does not answer ({reason})")


def answer(call: Call[T], response: httpx.Response) -> T:
    """Read what the master says.

    Raises:
        SeedcastError: it refuses; what kind of error, and with which fields, is as the master says.
        MasterUnreachable: what answers is no Seedcast master.
    """
    check(response)
    try:
        return call.answer.validate_json(b"null" if response.status_code == NO_CONTENT else response.content)
    except ValidationError as error:
        raise _foreign(response) from error


def check(response: httpx.Response) -> None:
    """Raise the error that a response is, if it is one; its body has been read.

    Raises:
        SeedcastError: as in `answer`.
    """
    if response.is_success:
        return
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError as error:
        raise _foreign(response) from error
    raise _error(problem, response)


def _error(problem: Problem, response: httpx.Response) -> SeedcastError:
    if problem.status == InvalidInput.status and problem.errors:
        return InvalidInput([FieldError(row.field, row.reason, row.value) for row in problem.errors])
    kind = _BY_STATUS.get(problem.status)
    if kind is Busy:
        retry_after = response.headers.get("retry-after", "")
        return Busy(problem.detail, int(retry_after) if retry_after.isdecimal() else 1)
    if kind is not None:
        return kind(problem.detail)
    error = SeedcastError(problem.detail)
    error.status, error.title = problem.status, problem.title
    return error


def _foreign(response: httpx.Response) -> MasterUnreachable:
    request = response.request
    reason = f"it answered {response.status_code} to {request.method} {request.url.path}"
    return MasterUnreachable(f"what answers at {_root(request.url)} is no Seedcast master: {reason}")


def _root(url: httpx.URL) -> str:
    return str(url.copy_with(path="/", query=None, fragment=None)).rstrip("/")

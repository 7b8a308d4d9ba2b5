"""HTTP to one worker. The only file of the master that knows httpx; its errors become ours here.

Of httpx it uses requests, responses, timeouts and errors, and a transport of our own: its client (cookies,
redirects, authentication) costs the master much CPU time for nothing.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import overload

import httpx
from pydantic import ValidationError

from seedcast.services.master.fleet.http_transport import Transport
from seedcast.shared.digest import CONTENT_DIGEST, check_content_digest, content_digest
from seedcast.shared.errors import Busy, InvalidInput, ProtocolMismatch, SeedcastError
from seedcast.shared.problems import Problem
from seedcast.shared.protocol import (
    FRAME_MEDIA_TYPE,
    MEMORY_HEADER,
    PROTOCOL_VERSION,
    RETURN_HEADER,
    SLOTS_HEADER,
    EnvironmentCatalogue,
    WorkerInfo,
)
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec
from seedcast.shared.spec.task import TaskDescription

PROBE_SECONDS = 2.0
CONNECT_SECONDS = 10.0
"""For a unit: hundreds may begin at once."""
PROBE_TIMEOUT = httpx.Timeout(PROBE_SECONDS)
DESCRIBE_TIMEOUT = httpx.Timeout(60.0)
FILM_TIMES, FILM_MARGIN_SECONDS = 12, 120.0
"""A film may take so many times what a rollout may: more than its worker gives it, and waiting comes on top."""
LONGEST_RETRY_AFTER_SECONDS = 60
KEEP_ALIVE_SECONDS = 30.0
"""Below the worker's own 75 s, so that a kept connection is never closed under a request."""


class WorkerLost(SeedcastError):
    """The worker gave no usable answer: what was asked has no known outcome."""

    status = 503
    title = "Worker lost"


class NoReply(WorkerLost):
    """The worker did not answer in time; it may still be well, and the answer may still come elsewhere."""


class Unreachable(WorkerLost):
    """There is no connection to the worker: nothing of what was asked has run."""


class NoConnection(Unreachable):
    """The worker could not be connected to in time. Nothing has run; where much goes on it may be well."""


class WorkerClient:
    """The calls a master makes of a worker."""

    def __init__(self, url: str, secret: str | None = None) -> None:
        """``secret`` is what the workers want to be shown, if they do."""
        self._url = url
        self._credentials = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        self._transport = Transport(url, KEEP_ALIVE_SECONDS, _tls)
        self.memory_bytes: int | None = None
        """What the worker takes, as it said last; None: it has not said."""

    async def rollouts(self, frame: bytes, timeout_seconds: float, slots: int = 1) -> bytes:
        """Have a unit computed by so many slots; return the frame of its result. Cancelling closes the connection.

        Raises:
            Busy: the worker has no room now.
            InvalidInput: the worker refuses the unit.
            Unreachable: it never got the unit; `NoConnection`: for want of time.
            NoReply: the reply has not come, whole, in time.
            WorkerLost: anything else.
        """
        return await self._computed("/rollouts", frame, timeout_seconds, slots)

    async def evaluations(self, frame: bytes, timeout_seconds: float, slots: int = 1) -> bytes:
        """Have a unit of an objective's evaluations computed; all else as `rollouts`."""
        return await self._computed("/evaluations", frame, timeout_seconds, slots)

    async def _computed(self, path: str, frame: bytes, timeout_seconds: float, slots: int) -> bytes:
        limits = httpx.Timeout(None, connect=CONNECT_SECONDS)
        headers = {"Content-Type": FRAME_MEDIA_TYPE, "Accept": FRAME_MEDIA_TYPE, SLOTS_HEADER: str(slots)}
        try:
            async with asyncio.timeout(timeout_seconds):
                response = await self._call("POST", path, content=frame, headers=headers, limits=limits)
        except TimeoutError as error:
            raise NoReply(f"no whole reply within {timeout_seconds:.0f} s") from error
        return response.content

    async def info(self) -> WorkerInfo:
        """Ask what the worker is.

        Raises:
            ProtocolMismatch: it speaks another version, and describes itself in a way that is not understood here.
        """
        response = await self._call("GET", "/info")
        if CONTENT_DIGEST in response.headers:  # an older worker, which has to be told apart, sends none
            _check_digest(response)
        try:
            return WorkerInfo.model_validate_json(response.content)
        except ValidationError:
            if (spoken := _spoken(response.content)) not in (None, PROTOCOL_VERSION):
                raise mismatch(spoken) from None
            raise

    async def ready(self) -> bool:
        """Ask whether the worker takes units."""
        try:
            await self._call("GET", "/readyz")
        except Busy:
            return False
        return True

    @overload
    async def describe(self, task: EnvironmentSpec) -> EnvironmentDescription: ...
    @overload
    async def describe(self, task: ObjectiveSpec) -> ObjectiveDescription: ...
    async def describe(self, task: EnvironmentSpec | ObjectiveSpec) -> TaskDescription:
        """Ask for the spaces and limits of an environment, or what an objective is.

        Raises:
            InvalidInput: the worker does not have it, or refuses its arguments.
        """
        kind, description = _DESCRIBED[type(task)]
        content = task.model_dump_json().encode()
        headers = {"Content-Type": "application/json", CONTENT_DIGEST: content_digest(content)}
        response = await self._call(
            "POST", f"/{kind}/describe", content=content, headers=headers, limits=DESCRIBE_TIMEOUT
        )
        _check_digest(response)
        return description.model_validate_json(response.content)

    async def environments(self) -> EnvironmentCatalogue:
        """Ask for all environments, each with its family and sizes; the worker takes seconds over it.

        Raises:
            Busy: it has no room now.
            WorkerLost: it gives no usable answer.
        """
        response = await self._call("GET", "/environments", limits=DESCRIBE_TIMEOUT)
        _check_digest(response)
        try:
            return EnvironmentCatalogue.model_validate_json(response.content)
        except ValidationError as error:
            raise WorkerLost("its list of environments cannot be read") from error

    async def film(self, frame: bytes, rollout_seconds: float, *, queue: bool) -> tuple[bytes, float]:
        """Have a unit of one rollout filmed; return the MP4 file and the return. Cancelling gives it up.

        Only an idle slot films, or any in its turn where ``queue`` says so.

        Raises:
            Busy: no slot is idle, or there is no room.
            InvalidInput: the worker refuses the unit, or its environment draws no pictures.
            WorkerLost: anything else.
        """
        limits = httpx.Timeout(None, connect=CONNECT_SECONDS)
        headers = {"Content-Type": FRAME_MEDIA_TYPE, CONTENT_DIGEST: content_digest(frame)}
        path = "/videos?queue=true" if queue else "/videos"
        try:
            async with asyncio.timeout(FILM_TIMES * rollout_seconds + FILM_MARGIN_SECONDS):
                response = await self._call("POST", path, content=frame, headers=headers, limits=limits)
        except TimeoutError as error:
            raise NoReply("no film in time") from error
        try:
            check_content_digest(response.headers.get(CONTENT_DIGEST, ""), response.content)
            return response.content, float(response.headers[RETURN_HEADER])
        except (InvalidInput, LookupError, ValueError) as error:
            raise WorkerLost(f"its film is damaged: {error}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limits: httpx.Timeout = PROBE_TIMEOUT,
    ) -> httpx.Response:
        url = _url(self._url + path)
        sent = {"Host": url.netloc.decode("ascii"), **self._credentials, **(headers or {})}
        if content is not None:
            sent["Content-Length"] = str(len(content))
        request = httpx.Request(  # given as `content` it would have httpx make the headers three times
            method,
            url,
            headers=sent,
            stream=httpx.ByteStream(content or b""),
            extensions={"timeout": limits.as_dict()},
        )
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.ReadTimeout as error:
            raise NoReply("no reply in time") from error
        except httpx.ConnectTimeout as error:
            raise NoConnection("no connection in time") from error
        except httpx.ConnectError as error:
            raise Unreachable(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        except httpx.HTTPError as error:
            raise WorkerLost(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        if response.is_success:
            self._note_memory(response.headers.get(MEMORY_HEADER, ""))
            return response
        raise _refusal(response)

    def _note_memory(self, text: str) -> None:
        if text.isdecimal() and len(text) < 19:
            self.memory_bytes = int(text)


_DESCRIBED: dict[type, tuple[str, type[EnvironmentDescription] | type[ObjectiveDescription]]] = {
    EnvironmentSpec: ("environments", EnvironmentDescription),
    ObjectiveSpec: ("objectives", ObjectiveDescription),
}


def mismatch(spoken: int | None) -> ProtocolMismatch:
    """Say which protocol a worker speaks, and which one this master."""
    return ProtocolMismatch(f"it speaks protocol version {spoken}, this master version {PROTOCOL_VERSION}")


def _spoken(info: bytes) -> int | None:
    """Return the protocol version that a worker's description of itself names, whatever else is in it."""
    try:
        return int(json.loads(info)["protocol"])
    except (ValueError, TypeError, KeyError):
        return None


@lru_cache(4096)
def _url(text: str) -> httpx.URL:
    """Parse each address once."""
    return httpx.URL(text)


@cache
def _tls() -> ssl.SSLContext:
    """Load the certificates once: it takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)


def _check_digest(response: httpx.Response) -> None:
    """Raise `WorkerLost` where a JSON reply is not the one that was sent."""
    try:
        check_content_digest(response.headers.get(CONTENT_DIGEST, ""), response.content)
    except InvalidInput as error:
        raise WorkerLost(f"its reply {error.errors[0].reason}") from error


def _refusal(response: httpx.Response) -> SeedcastError:
    """Turn an error response into ours; whatever is not a problem document of a worker is a lost worker."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return WorkerLost(f"HTTP {response.status_code}")
    if response.status_code == Busy.status:
        return Busy(problem.detail, _retry_after(response))
    if response.status_code == InvalidInput.status and problem.errors:
        error = problem.errors[0]
        if error.field in ("body", SLOTS_HEADER):  # what came is no unit: that says nothing of the environment
            return WorkerLost(f"it could not read what it was sent: {error.reason}")
        return InvalidInput.of(error.field, error.reason, error.value)
    return WorkerLost(f"HTTP {response.status_code}: {problem.detail}")


def _retry_after(response: httpx.Response) -> int:
    """Read the header of that name, in seconds; a date, or nonsense, is a second."""
    text = response.headers.get("retry-after", "")
    return min(int(text), LONGEST_RETRY_AFTER_SECONDS) if text.isdecimal() and len(text) < 9 else 1

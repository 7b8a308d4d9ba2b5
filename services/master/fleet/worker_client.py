"""HTTP to one worker. The only file of the master that knows httpx; its errors become ours here.

Of httpx it uses requests, responses, timeouts and errors, and a transport of our own: its client (cookies,
redirects, authentication) costs the master much CPU time for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar, overload

import httpx
from pydantic import BaseModel, ValidationError

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
DESCRIBE_SECONDS = 60.0
FILM_TIMES, FILM_MARGIN_SECONDS = 12, 120.0
"""A film may take so many times what a rollout may: more than its worker gives it, and waiting comes on top."""
LONGEST_RETRY_AFTER_SECONDS = 60

Model = TypeVar("Model", bound=BaseModel)


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
    """The calls a master makes of a worker.

    Each may raise `Busy`, where the worker has no room now, and `NoReply`, `Unreachable` or another `WorkerLost`,
    where there is no usable answer.
    """

    def __init__(self, url: str, secret: str | None = None) -> None:
        """``secret`` is what the workers want to be shown, if they do."""
        self._url = url
        self._credentials = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        self._transport = Transport(url)
        self.memory_bytes: int | None = None
        """What the worker takes, as it said last; None: it has not said."""

    async def rollouts(self, frame: bytes, timeout_seconds: float, slots: int = 1) -> bytes:
        """Have a unit computed by so many slots; return the frame of its result. Cancelling closes the connection.

        Raises:
            InvalidInput: the worker refuses the unit.
        """
        return await self._computed("/rollouts", frame, timeout_seconds, slots)

    async def evaluations(self, frame: bytes, timeout_seconds: float, slots: int = 1) -> bytes:
        """Have a unit of an objective's evaluations computed; all else as `rollouts`."""
        return await self._computed("/evaluations", frame, timeout_seconds, slots)

    async def _computed(self, path: str, frame: bytes, timeout_seconds: float, slots: int) -> bytes:
        headers = {"Content-Type": FRAME_MEDIA_TYPE, "Accept": FRAME_MEDIA_TYPE, SLOTS_HEADER: str(slots)}
        return (await self._call("POST", path, frame, headers, timeout_seconds)).content

    async def info(self) -> WorkerInfo:
        """Ask what the worker is.

        Raises:
            ProtocolMismatch: it speaks another version, whatever else it says of itself.
        """
        response = await self._call("GET", "/info")
        if CONTENT_DIGEST in response.headers:  # an older worker, which has to be told apart, sends none
            _check_digest(response)
        if (spoken := _spoken(response.content)) not in (None, PROTOCOL_VERSION):
            raise ProtocolMismatch(f"it speaks protocol version {spoken}, this master version {PROTOCOL_VERSION}")
        return _read(WorkerInfo, response)

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
        kind = "environments" if isinstance(task, EnvironmentSpec) else "objectives"
        content = task.model_dump_json().encode()
        headers = {"Content-Type": "application/json", CONTENT_DIGEST: content_digest(content)}
        response = await self._call("POST", f"/{kind}/describe", content, headers, DESCRIBE_SECONDS)
        _check_digest(response)
        if isinstance(task, EnvironmentSpec):
            return _read(EnvironmentDescription, response)
        return _read(ObjectiveDescription, response)

    async def environments(self) -> EnvironmentCatalogue:
        """Ask for all environments, each with its family and sizes; the worker takes seconds over it."""
        response = await self._call("GET", "/environments", seconds=DESCRIBE_SECONDS)
        _check_digest(response)
        return _read(EnvironmentCatalogue, response)

    async def film(self, frame: bytes, rollout_seconds: float, *, queue: bool) -> tuple[bytes, float]:
        """Have a unit of one rollout filmed; return the MP4 file and the return. Cancelling gives it up.

        Only an idle slot films, or any in its turn where ``queue`` says so.

        Raises:
            InvalidInput: the worker refuses the unit, or its environment draws no pictures.
        """
        headers = {"Content-Type": FRAME_MEDIA_TYPE, CONTENT_DIGEST: content_digest(frame)}
        path = "/videos?queue=true" if queue else "/videos"
        seconds = FILM_TIMES * rollout_seconds + FILM_MARGIN_SECONDS
        response = await self._call("POST", path, frame, headers, seconds)
        _check_digest(response)
        try:
            return response.content, float(response.headers.get(RETURN_HEADER, ""))
        except ValueError as error:
            raise WorkerLost(f"its film has no return: {error}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = PROBE_SECONDS,
    ) -> httpx.Response:
        """Make a request; its reply has to be there, whole, within so many seconds of its connection."""
        limits = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
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
            raise NoReply(f"no whole reply within {seconds:.0f} s") from error
        except httpx.ConnectTimeout as error:
            raise NoConnection("no connection in time") from error
        except httpx.ConnectError as error:
            raise Unreachable(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        except httpx.HTTPError as error:
            raise WorkerLost(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        if not response.is_success:
            raise _refusal(response)
        memory = response.headers.get(MEMORY_HEADER, "")
        if memory.isdecimal() and len(memory) < 19:
            self.memory_bytes = int(memory)
        return response


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


def _read(model: type[Model], response: httpx.Response) -> Model:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise WorkerLost(f"its {model.__name__} cannot be read: {error.error_count()} errors") from error


def _check_digest(response: httpx.Response) -> None:
    """Raise `WorkerLost` where a reply is not the one that was sent, or does not say which one that was."""
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

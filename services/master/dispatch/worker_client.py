"""HTTP to one worker. The only file of the master that knows httpx; its errors become ours here.

One small client for each request at a time: a single client with a large pool scans all its connections on every
request (about 10 ms with 64 of them).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import httpx
from pydantic import ValidationError

from shared.digest import CONTENT_DIGEST, check_content_digest, content_digest
from shared.errors import Busy, InvalidInput, SeedcastError
from shared.problems import Problem
from shared.protocol import FRAME_MEDIA_TYPE, WorkerInfo
from shared.spec.environment import EnvironmentDescription, EnvironmentSpec

PROBE_SECONDS = 2.0
DESCRIBE_SECONDS = 60.0
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


class WorkerClient:
    """The calls a master makes of a worker."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: list[httpx.AsyncClient] = []
        self._idle: list[httpx.AsyncClient] = []
        """Those of ``_clients`` that are free, the one used last at the end: its connection is the freshest."""

    async def rollouts(self, frame: bytes, timeout_seconds: float) -> bytes:
        """Have a unit computed; return the frame of its result. Cancelling closes the connection.

        Raises:
            Busy: the worker has no room now.
            InvalidInput: the worker refuses the unit.
            Unreachable: it never got the unit.
            NoReply: the reply has not come, whole, in time.
            WorkerLost: anything else.
        """
        timeout = httpx.Timeout(None, connect=PROBE_SECONDS)
        headers = {"Content-Type": FRAME_MEDIA_TYPE, "Accept": FRAME_MEDIA_TYPE}
        try:
            # httpx counts from byte to byte, so that a reply that trickles in would never be too late.
            async with asyncio.timeout(timeout_seconds):
                response = await self._call("POST", "/rollouts", content=frame, headers=headers, timeout=timeout)
        except TimeoutError as error:
            raise NoReply(f"no whole reply within {timeout_seconds:.0f} s") from error
        return response.content

    async def info(self) -> WorkerInfo:
        """Ask what the worker is."""
        response = await self._call("GET", "/info")
        if CONTENT_DIGEST in response.headers:  # an older worker, which has to be told apart, sends none
            _check_digest(response)
        return WorkerInfo.model_validate_json(response.content)

    async def ready(self) -> bool:
        """Ask whether the worker takes units."""
        try:
            await self._call("GET", "/readyz")
        except Busy:
            return False
        return True

    async def describe(self, environment: EnvironmentSpec) -> EnvironmentDescription:
        """Ask for the spaces and limits of an environment.

        Raises:
            InvalidInput: the worker does not have it, or refuses its arguments.
        """
        content = environment.model_dump_json().encode()
        headers = {"Content-Type": "application/json", CONTENT_DIGEST: content_digest(content)}
        response = await self._call(
            "POST", "/environments/describe", content=content, headers=headers, timeout=DESCRIBE_SECONDS
        )
        _check_digest(response)
        return EnvironmentDescription.model_validate_json(response.content)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(client.aclose() for client in self._clients))

    @contextmanager
    def _client(self) -> Iterator[httpx.AsyncClient]:
        client = self._idle.pop() if self._idle else self._new_client()
        try:
            yield client
        finally:
            self._idle.append(client)

    def _new_client(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            base_url=self._url,
            limits=httpx.Limits(max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE_SECONDS),
            timeout=httpx.Timeout(PROBE_SECONDS, pool=None),
            verify=_tls(),
            trust_env=False,
        )
        self._clients.append(client)
        return client

    async def _call(self, method: str, path: str, **options: object) -> httpx.Response:
        try:
            with self._client() as client:
                response = await client.request(method, path, **options)  # type: ignore[arg-type]
        except httpx.ReadTimeout as error:
            raise NoReply("no reply in time") from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        except httpx.HTTPError as error:
            raise WorkerLost(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        if response.is_success:
            return response
        raise _refusal(response)


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
        if error.field == "body":  # as a whole it is no unit: that says nothing of the environment
            return WorkerLost(f"it could not read what it was sent: {error.reason}")
        return InvalidInput.of(error.field, error.reason, error.value)
    return WorkerLost(f"HTTP {response.status_code}: {problem.detail}")


def _retry_after(response: httpx.Response) -> int:
    """Read the header of that name, in seconds; a date, or nonsense, is a second."""
    text = response.headers.get("retry-after", "")
    return min(int(text), LONGEST_RETRY_AFTER_SECONDS) if text.isdecimal() and len(text) < 9 else 1

"""HTTP to one worker. The only file of the master that knows httpx; its errors become ours here.

One small client for each worker address: a single client with a large pool scans all its connections on every
request.
"""

from __future__ import annotations

import httpx
from pydantic import ValidationError

from shared.errors import Busy, InvalidInput, SeedcastError
from shared.problems import Problem
from shared.protocol import FRAME_MEDIA_TYPE, WorkerInfo
from shared.spec.environment import EnvironmentDescription, EnvironmentSpec

PROBE_SECONDS = 2.0
DESCRIBE_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 30.0
"""Below the worker's own 75 s, so that a kept connection is never closed under a request."""


class WorkerLost(SeedcastError):
    """The worker gave no usable answer: what was asked has no known outcome."""

    status = 503
    title = "Worker lost"


class NoReply(WorkerLost):
    """The worker did not answer in time; it may still be well, and the answer may still come elsewhere."""


class WorkerClient:
    """The calls a master makes of a worker."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            limits=httpx.Limits(max_keepalive_connections=64, keepalive_expiry=KEEP_ALIVE_SECONDS),
            timeout=httpx.Timeout(PROBE_SECONDS, pool=None),
            trust_env=False,
        )

    async def rollouts(self, frame: bytes, timeout_seconds: float) -> bytes:
        """Have a unit computed; return the frame of its result.

        Raises:
            Busy: the worker has no room now.
            InvalidInput: the worker refuses the unit.
            WorkerLost: anything else.
        """
        timeout = httpx.Timeout(timeout_seconds, connect=PROBE_SECONDS, pool=None)
        headers = {"Content-Type": FRAME_MEDIA_TYPE, "Accept": FRAME_MEDIA_TYPE}
        response = await self._call("POST", "/rollouts", content=frame, headers=headers, timeout=timeout)
        return response.content

    async def info(self) -> WorkerInfo:
        """Ask what the worker is."""
        return WorkerInfo.model_validate_json((await self._call("GET", "/info")).content)

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
        response = await self._call(
            "POST", "/environments/describe", json=environment.model_dump(), timeout=DESCRIBE_SECONDS
        )
        return EnvironmentDescription.model_validate_json(response.content)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, **options: object) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **options)  # type: ignore[arg-type]
        except httpx.ReadTimeout as error:
            raise NoReply("no reply in time") from error
        except httpx.HTTPError as error:
            raise WorkerLost(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        if response.is_success:
            return response
        raise _refusal(response)


def _refusal(response: httpx.Response) -> SeedcastError:
    """Turn an error response into ours; whatever is not a problem document of a worker is a lost worker."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return WorkerLost(f"HTTP {response.status_code}")
    if response.status_code == Busy.status:
        return Busy(problem.detail)
    if response.status_code == InvalidInput.status and problem.errors:
        error = problem.errors[0]
        return InvalidInput.of(error.field, error.reason, error.value)
    return WorkerLost(f"HTTP {response.status_code}: {problem.detail}")

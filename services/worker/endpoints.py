"""The worker's API."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from seedcast.services.worker.intake import compute, compute_frame
from seedcast.services.worker.metrics import Metrics
from seedcast.services.worker.schemas import (
    BINARY,
    CART_POLE,
    MEMORY,
    SLOTS,
    SPHERE,
    Health,
    Result,
    json_body,
    problems,
)
from seedcast.services.worker.settings import Settings
from seedcast.services.worker.slots.channel import Kind
from seedcast.services.worker.slots.messages import Film
from seedcast.services.worker.slots.pool import SlotPool
from seedcast.shared.digest import CONTENT_DIGEST, content_digest
from seedcast.shared.errors import Busy
from seedcast.shared.protocol import (
    FRAME_MEDIA_TYPE,
    MEMORY_HEADER,
    RETURN_HEADER,
    EnvironmentCatalogue,
    UnitJson,
    WorkerInfo,
)
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec

router = APIRouter()


async def _pool(request: Request) -> SlotPool:
    return cast(SlotPool, request.state.pool)


async def _settings(request: Request) -> Settings:
    return cast(Settings, request.state.settings)


async def _metrics(request: Request) -> Metrics:
    return cast(Metrics, request.state.metrics)


def _memory(pool: SlotPool) -> dict[str, str]:
    """Return the header that says how much memory the worker takes; none where that is not to be had."""
    return {MEMORY_HEADER: str(pool.memory_bytes)} if pool.memory_bytes else {}


Pool = Annotated[SlotPool, Depends(_pool)]
SettingsState = Annotated[Settings, Depends(_settings)]
MetricsState = Annotated[Metrics, Depends(_metrics)]


COMPUTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The result, in the form of the unit.",
        "content": BINARY,
        "model": Result,
        "headers": MEMORY,
    },
    **problems(
        _409="The frame is of another protocol version.",
        _413="The body is over the limit.",
        _422="The unit is wrong.",
        _503="No room now; Retry-After says when to come back.",
    ),
}


@router.post(
    "/rollouts",
    tags=["work"],
    response_class=Response,
    responses=COMPUTED,
    openapi_extra=json_body(UnitJson, CART_POLE, **BINARY) | {"parameters": [SLOTS]},
)
async def run_rollouts(request: Request, pool: Pool, settings: SettingsState) -> Response:
    """Run a unit: a batch of rollouts, in one slot; a frame in as many as the header `Seedcast-Slots` says.

    A rollout that fails is part of the result, not an error. A unit that takes longer than the environment's
    `rollout_timeout_seconds` fails as a whole. If the client goes away, the unit is
    given up.
    """
    binary = request.headers.get("content-type", "").partition(";")[0].strip() == FRAME_MEDIA_TYPE
    if binary:
        frame = await compute_frame(pool, request, settings.max_body_bytes)
        return Response(frame, media_type=FRAME_MEDIA_TYPE, headers=_memory(pool))
    result = await compute(pool, request, Kind.UNIT_JSON, settings.max_body_bytes)
    return Response(result, media_type="application/json", headers=_memory(pool))


@router.post(
    "/evaluations",
    tags=["work"],
    response_class=Response,
    responses=COMPUTED,
    openapi_extra=json_body(UnitJson, SPHERE, **BINARY) | {"parameters": [SLOTS]},
)
async def evaluate_solutions(request: Request, pool: Pool, settings: SettingsState) -> Response:
    """Evaluate a unit of solutions of an objective; all else is as for rollouts, and the unit says which it is."""
    return await run_rollouts(request, pool, settings)


@router.post(
    "/objectives/describe",
    tags=["work"],
    response_model=ObjectiveDescription,
    responses=problems(
        _413="The body is over the limit.", _422="The objective is unknown or wrong.", _503="No room now."
    ),
    openapi_extra=json_body(ObjectiveSpec, {"id": "sphere"}),
)
async def describe_objective(request: Request, pool: Pool, settings: SettingsState) -> Response:
    """Say what an objective is: its dimension, direction and bounds."""
    payload = await compute(pool, request, Kind.DESCRIBE_OBJECTIVE, settings.max_body_bytes)
    return Response(payload, media_type="application/json", headers={CONTENT_DIGEST: content_digest(payload)})


@router.post(
    "/videos",
    tags=["work"],
    response_class=Response,
    responses={
        200: {
            "description": "An MP4 file.",
            "content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}},
            "headers": {RETURN_HEADER: {"description": "The episode's return.", "schema": {"type": "number"}}},
        },
        **problems(
            _409="The frame is of another protocol version.",
            _413="The body is over the limit.",
            _422="The unit is wrong, is not of one rollout, or its environment draws no pictures.",
            _503="No slot is idle, or there is no room; Retry-After says when to come back.",
        ),
    },
    openapi_extra={"requestBody": {"required": True, "content": BINARY}},
)
async def film_episode(
    request: Request,
    pool: Pool,
    settings: SettingsState,
    queue: Annotated[bool, Query(description="Wait for a slot like a unit, where none is idle.")] = False,
) -> Response:
    """Film a unit of one rollout, in an idle slot. If the client goes away, the film is given up."""
    if not (queue or pool.idle):
        raise Busy("no slot is idle")
    film = Film.of(await compute(pool, request, Kind.FILM, settings.max_body_bytes))
    headers = {RETURN_HEADER: repr(film.episode_return), CONTENT_DIGEST: content_digest(film.video)}
    return Response(film.video, media_type="video/mp4", headers=headers)


@router.get(
    "/environments", tags=["work"], response_model=EnvironmentCatalogue, responses=problems(_503="No room now.")
)
async def list_environments(request: Request, pool: Pool, settings: SettingsState) -> Response:
    """List the environments that this worker has, each with what it observes and takes. It takes seconds."""
    payload = await compute(pool, request, Kind.ENVIRONMENTS, settings.max_body_bytes)
    return Response(payload, media_type="application/json", headers={CONTENT_DIGEST: content_digest(payload)})


@router.post(
    "/environments/describe",
    tags=["work"],
    response_model=EnvironmentDescription,
    responses=problems(
        _413="The body is over the limit.", _422="The environment is unknown or wrong.", _503="No room now."
    ),
    openapi_extra=json_body(EnvironmentSpec, {"id": "CartPole-v1"}),
)
async def describe_environment(request: Request, pool: Pool, settings: SettingsState) -> Response:
    """Say what an environment observes and takes."""
    payload = await compute(pool, request, Kind.DESCRIBE, settings.max_body_bytes)
    return Response(payload, media_type="application/json", headers={CONTENT_DIGEST: content_digest(payload)})


@router.get(
    "/info",
    tags=["operations"],
    response_model=WorkerInfo,
    responses=problems(_503="The slots are warming up."),
)
async def info(pool: Pool, settings: SettingsState) -> Response:
    """Say what this worker is and has."""
    found = pool.info()
    if settings.fingerprint is not None:
        found = found.model_copy(update={"fingerprint": settings.fingerprint})
    payload = found.model_dump_json().encode()
    return Response(payload, media_type="application/json", headers={CONTENT_DIGEST: content_digest(payload)})


@router.get("/livez", tags=["operations"])
async def livez() -> Health:
    """Say that the process lives."""
    return Health()


@router.get(
    "/readyz",
    tags=["operations"],
    responses={200: {"headers": MEMORY}, **problems(_503="Why the worker takes no units.")},
)
async def readyz(pool: Pool, response: Response) -> Health:
    """Say whether the worker takes units."""
    if trouble := pool.readiness():
        raise Busy(trouble)
    response.headers.update(_memory(pool))
    return Health()


@router.get("/metrics", tags=["operations"], response_class=Response)
async def metrics(pool: Pool, metrics: MetricsState) -> Response:
    """Return the metrics in Prometheus text format."""
    return Response(metrics.render(pool), media_type=CONTENT_TYPE_LATEST)

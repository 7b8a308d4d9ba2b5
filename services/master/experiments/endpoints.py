"""The REST endpoints of experiments."""

from __future__ import annotations

import asyncio
from email.utils import format_datetime
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Response, status
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from seedcast.services.master.dependencies import Service
from seedcast.services.master.experiments.body import REQUEST_BODY, SpecBody
from seedcast.services.master.experiments.changes import Changes, Cloning
from seedcast.services.master.experiments.estimate import Estimate
from seedcast.services.master.experiments.rows import ExperimentRows, Order, Wanted
from seedcast.services.master.experiments.schemas import (
    ArtifactList,
    Experiment,
    Progress,
)
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.storage.artifacts import OpenArtifact, range_of
from seedcast.services.master.submissions import IdempotencyKey
from seedcast.shared.problems import Problem

router = APIRouter(
    prefix="/experiments",
    tags=["experiments"],
    responses={404: {"model": Problem}, 422: {"model": Problem}},
)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    openapi_extra=REQUEST_BODY,
    response_model=Experiment,
    responses={200: {"model": Estimate, "description": "With `dry_run`."}, 413: {"model": Problem}},
)
async def create_experiment(
    spec: SpecBody,
    service: Service,
    response: Response,
    dry_run: Annotated[bool, Query(description="Check and estimate; start nothing.")] = False,
    idempotency_key: IdempotencyKey = None,
) -> Experiment | Response:
    """Start an experiment from a specification, in JSON or YAML."""
    if dry_run:
        return JSONResponse((await service.estimate(spec)).model_dump(mode="json"))
    experiment = await service.create(spec, idempotency_key)
    response.headers["Location"] = f"/experiments/{experiment.id}"
    return experiment


@router.get("", response_model=ExperimentRows)
async def list_experiments(
    service: Service,
    states: Annotated[
        list[Literal["active"] | Status], Query(alias="status", description='Any; "active" stands for several.')
    ] = [],  # noqa: B006
    tag: Annotated[list[str], Query(description="name or name=value; all of them.")] = [],  # noqa: B006
    strategy: Annotated[str | None, Query(description="The strategy's name.")] = None,
    environment: Annotated[str | None, Query(description="The environment's id.")] = None,
    text: Annotated[str, Query(max_length=200, description="Words that stand anywhere in a row.")] = "",
    archived: Annotated[bool, Query(description="Those put away, in place of all others.")] = False,
    sort: Annotated[Order, Query(description="What comes first.")] = Order.CREATED,
    reverse: Annotated[bool, Query(description="The other way round.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000, description="Rows of a page.")] = 100,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
) -> Response:
    """List experiments in few words, without their specifications, in pages."""
    wanted = Wanted(states, tag, strategy, environment, text, archived, sort, reverse, limit, cursor)
    return Response(await service.rows_as_json(wanted), media_type="application/json")


@router.get("/{experiment_id}")
async def show_experiment(experiment_id: str, service: Service) -> Experiment:
    """Show one experiment."""
    return await service.get(experiment_id)


@router.patch("/{experiment_id}", responses={409: {"model": Problem}})
async def change_experiment(experiment_id: str, changes: Changes, service: Service) -> Experiment:
    """Change name, note, tags, share, determinism, stops or stages to come, or archive it; it may so go on."""
    return await service.change(experiment_id, changes)


@router.post("/{experiment_id}/clone", status_code=status.HTTP_201_CREATED, responses={413: {"model": Problem}})
async def clone_experiment(
    experiment_id: str, cloning: Cloning, service: Service, response: Response
) -> Experiment:
    """Start an experiment like this one, with overrides; from one of its models it is a branch."""
    experiment = await service.clone(experiment_id, cloning)
    response.headers["Location"] = f"/experiments/{experiment.id}"
    return experiment


@router.post("/{experiment_id}/stop", responses={409: {"model": Problem}})
async def stop_experiment(experiment_id: str, service: Service) -> Experiment:
    """Stop an experiment as of its last committed generation."""
    return await service.stop(experiment_id)


@router.post("/{experiment_id}/pause", responses={409: {"model": Problem}})
async def pause_experiment(experiment_id: str, service: Service) -> Experiment:
    """Pause an experiment as of its last committed generation, until it is resumed; restarts do not resume it."""
    return await service.pause(experiment_id)


@router.post("/{experiment_id}/resume", responses={409: {"model": Problem}})
async def resume_experiment(experiment_id: str, service: Service) -> Experiment:
    """Go on with a paused, stopped or failed experiment from its last committed generation."""
    return await service.resume(experiment_id)


@router.delete("/{experiment_id}", status_code=status.HTTP_204_NO_CONTENT, responses={409: {"model": Problem}})
async def delete_experiment(
    experiment_id: str,
    service: Service,
    force: Annotated[bool, Query(description="Also if it is running.")] = False,
) -> None:
    """Delete an experiment and its files. What was copied to a bucket stays there, below the experiment's id."""
    await service.delete(experiment_id, force=force)


@router.get("/{experiment_id}/progress")
async def show_progress(experiment_id: str, service: Service) -> Progress | None:
    """Show how far the generation in the making is; null between two."""
    return await service.progress(experiment_id)


@router.get("/{experiment_id}/artifacts")
async def list_artifacts(experiment_id: str, service: Service) -> ArtifactList:
    """List the files that can be downloaded."""
    return ArtifactList(artifacts=await service.artifacts(experiment_id))


@router.get("/{experiment_id}/log", response_class=PlainTextResponse)
async def show_log(
    experiment_id: str,
    service: Service,
    lines: Annotated[int, Query(ge=1, le=1000, description="So many of the last ones.")] = 100,
) -> PlainTextResponse:
    """Return the end of log.txt, as of now."""
    artifact = await service.artifact(experiment_id, "log.txt")
    return PlainTextResponse(await asyncio.to_thread(artifact.tail, lines))


@router.get(
    "/{experiment_id}/artifacts/{name}",
    response_class=StreamingResponse,
    responses={
        206: {"description": "The part asked for by Range."},
        304: {"description": "It has not changed."},
        416: {"description": "The range begins after the end."},
    },
)
async def download_artifact(
    experiment_id: str,
    name: str,
    service: Service,
    range: Annotated[str | None, Header(description="One range of bytes.")] = None,  # noqa: A002
    if_range: Annotated[str | None, Header(description="The ETag that the range is of.")] = None,
    if_none_match: Annotated[str | None, Header(description="The ETag that the client has.")] = None,
    _: Annotated[str, Query(alias="at", description="Not looked at: a page asks again by another value.")] = "",
) -> Response:
    """Download a file as it is now, also while it trains; images and videos are shown in a browser."""
    artifact = await service.artifact(experiment_id, name)
    headers = _headers(artifact)
    if if_none_match is not None and artifact.etag in if_none_match:
        artifact.file.close()
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    start, stop, code = 0, artifact.size, status.HTTP_200_OK
    if range is not None and if_range in (None, artifact.etag):
        try:
            part = range_of(range, artifact.size)
        except ValueError:
            artifact.file.close()
            headers["Content-Range"] = f"bytes */{artifact.size}"
            return Response(status_code=status.HTTP_416_RANGE_NOT_SATISFIABLE, headers=headers)
        if part is not None:
            (start, stop), code = part, status.HTTP_206_PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{artifact.size}"
    headers["Content-Length"] = str(stop - start)
    return StreamingResponse(artifact.chunks(start, stop), code, headers, artifact.media_type)


def _headers(artifact: OpenArtifact) -> dict[str, str]:
    """Return what an artifact's answer says of it, whole or not."""
    kind = "inline" if artifact.media_type.startswith(("image/", "video/")) else "attachment"
    plain = quote(artifact.name) == artifact.name
    name = f'filename="{artifact.name}"' if plain else f"filename*=utf-8''{quote(artifact.name)}"
    return {
        "Content-Disposition": f"{kind}; {name}",
        "Accept-Ranges": "bytes",
        "ETag": artifact.etag,
        "Last-Modified": format_datetime(artifact.modified_at, usegmt=True),
        "Cache-Control": "no-cache",
    }

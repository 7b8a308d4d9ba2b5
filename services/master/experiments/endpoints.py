"""The REST endpoints of experiments."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import StreamingResponse

from services.master.dependencies import Service
from services.master.experiments.body import REQUEST_BODY, SpecBody
from services.master.experiments.schemas import (
    ArtifactList,
    Experiment,
    ExperimentList,
    Progress,
)
from shared.problems import Problem

router = APIRouter(
    prefix="/experiments",
    tags=["experiments"],
    responses={404: {"model": Problem}, 422: {"model": Problem}},
)


@router.post(
    "", status_code=status.HTTP_201_CREATED, openapi_extra=REQUEST_BODY, responses={413: {"model": Problem}}
)
async def create_experiment(spec: SpecBody, service: Service, response: Response) -> Experiment:
    """Start an experiment from a specification, in JSON or YAML."""
    experiment = await service.create(spec)
    response.headers["Location"] = f"/experiments/{experiment.id}"
    return experiment


@router.get("")
async def list_experiments(service: Service) -> ExperimentList:
    """List all experiments, newest first."""
    return ExperimentList(experiments=await service.list())


@router.get("/{experiment_id}")
async def show_experiment(experiment_id: str, service: Service) -> Experiment:
    """Show one experiment."""
    return await service.get(experiment_id)


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


@router.get("/{experiment_id}/artifacts/{name}", response_class=StreamingResponse)
async def download_artifact(experiment_id: str, name: str, service: Service) -> StreamingResponse:
    """Download a file as it is now, also while it trains."""
    artifact = await service.artifact(experiment_id, name)
    plain = quote(name) == name
    disposition = f'attachment; filename="{name}"' if plain else f"attachment; filename*=utf-8''{quote(name)}"
    headers = {"Content-Length": str(artifact.size), "Content-Disposition": disposition}
    return StreamingResponse(artifact.chunks(), headers=headers, media_type=artifact.media_type)

"""The REST endpoints of experiments."""

from __future__ import annotations

import asyncio
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
    GenerationList,
    Progress,
    TestList,
)
from shared.problems import Problem

router = APIRouter(
    prefix="/experiments",
    tags=["experiments"],
    responses={404: {"model": Problem}, 422: {"model": Problem}},
)
Limit = Annotated[int, Query(ge=1, le=100_000)]
After = Annotated[int, Query(ge=-1, lt=2**63, description="Only later generations than this.")]


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


@router.get("/{experiment_id}/progress")
async def show_progress(experiment_id: str, service: Service) -> Progress | None:
    """Show how far the generation in the making is; null between two."""
    return await service.progress(experiment_id)


@router.get("/{experiment_id}/history")
async def list_generations(
    experiment_id: str, service: Service, after: After = 0, limit: Limit = 100_000
) -> GenerationList:
    """List the committed generations, oldest first."""
    await service.get(experiment_id)
    return GenerationList(generations=await service.history.generations(experiment_id, after, limit))


@router.get("/{experiment_id}/tests")
async def list_tests(experiment_id: str, service: Service, after: After = -1, limit: Limit = 100_000) -> TestList:
    """List the tests, oldest first."""
    await service.get(experiment_id)
    return TestList(tests=await service.history.tests(experiment_id, after, limit))


@router.get("/{experiment_id}/artifacts")
async def list_artifacts(experiment_id: str, service: Service) -> ArtifactList:
    """List the files that can be downloaded."""
    artifacts = await service.artifacts(experiment_id)
    return ArtifactList(artifacts=artifacts.list())


@router.get("/{experiment_id}/artifacts/{name}", response_class=StreamingResponse)
async def download_artifact(experiment_id: str, name: str, service: Service) -> StreamingResponse:
    """Download a file as it is now, also while it trains."""
    artifacts = await service.artifacts(experiment_id)
    artifact = await asyncio.to_thread(artifacts.open, name)
    plain = quote(name) == name
    disposition = f'attachment; filename="{name}"' if plain else f"attachment; filename*=utf-8''{quote(name)}"
    headers = {"Content-Length": str(artifact.size), "Content-Disposition": disposition}
    return StreamingResponse(artifact.chunks(), headers=headers, media_type=artifact.media_type)

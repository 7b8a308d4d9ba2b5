"""The REST endpoints of evaluations and videos."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, status

from seedcast.services.master.dependencies import Jobs
from seedcast.services.master.jobs.schemas import EvaluationRequest, Job, JobList, VideoRequest
from seedcast.shared.problems import Problem

router = APIRouter(
    prefix="/experiments/{experiment_id}",
    tags=["models"],
    responses={404: {"model": Problem}, 422: {"model": Problem}},
)
BUSY: dict[int | str, dict[str, object]] = {503: {"model": Problem}}


@router.post("/evaluations", status_code=status.HTTP_202_ACCEPTED, responses=BUSY)
async def evaluate_model(experiment_id: str, request: EvaluationRequest, jobs: Jobs, response: Response) -> Job:
    """Have a model played beside training on episodes that training never saw: those of `seedcast evaluate`."""
    job = await jobs.evaluate(experiment_id, request)
    response.headers["Location"] = f"/experiments/{experiment_id}/jobs/{job.number}"
    return job


@router.post("/videos", status_code=status.HTTP_202_ACCEPTED, responses=BUSY)
async def film_model(experiment_id: str, request: VideoRequest, jobs: Jobs, response: Response) -> Job:
    """Have an episode of a model filmed in an idle slot; the MP4 file becomes one of the artifacts."""
    job = await jobs.film(experiment_id, request)
    response.headers["Location"] = f"/experiments/{experiment_id}/jobs/{job.number}"
    return job


@router.get("/jobs")
async def list_jobs(
    experiment_id: str,
    jobs: Jobs,
    limit: Annotated[int, Query(ge=1, le=1000, description="So many at most.")] = 100,
) -> JobList:
    """List the evaluations and videos that were asked for, newest first."""
    return JobList(jobs=await jobs.of_experiment(experiment_id, limit))


@router.get("/jobs/{number}")
async def show_job(
    experiment_id: str,
    number: Annotated[int, Path(ge=1, lt=2**63, description="Of the evaluation or video.")],
    jobs: Jobs,
) -> Job:
    """Show an evaluation or a video, and what came of it."""
    return await jobs.get(experiment_id, number)

"""The REST endpoints of studies."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.responses import JSONResponse

from seedcast.services.master.dependencies import Studies
from seedcast.services.master.experiments.body import EXAMPLE, read_body
from seedcast.services.master.studies.report import Axis
from seedcast.services.master.studies.schemas import Study, StudyCurves, StudyEstimate, StudyList, StudyReport
from seedcast.services.master.submissions import IdempotencyKey
from seedcast.shared.guard import JSON_TYPES, media_type
from seedcast.shared.problems import Problem
from seedcast.shared.spec.study import StudySpec, parse_study

router = APIRouter(
    prefix="/studies", tags=["studies"], responses={404: {"model": Problem}, 422: {"model": Problem}}
)
_EXAMPLE = {
    "name": "radius",
    "specification": EXAMPLE,
    "axes": [{"field": "strategy.radius", "values": [2, 4.5]}],
    "seeds": 3,
    "budget": {"environment_steps": 200_000, "runs_at_once": 2},
}
_SCHEMA = {"$ref": "#/components/schemas/StudySpec"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _SCHEMA, "example": _EXAMPLE},
            "application/yaml": {"schema": _SCHEMA},
        },
    }
}


async def _study_of_body(request: Request) -> StudySpec:
    body = await read_body(request)
    return await asyncio.to_thread(parse_study, body, only_json=media_type(request.headers) in JSON_TYPES)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    openapi_extra=_BODY,
    response_model=Study,
    responses={200: {"model": StudyEstimate, "description": "With `dry_run`."}, 413: {"model": Problem}},
)
async def create_study(
    spec: Annotated[StudySpec, Depends(_study_of_body)],
    studies: Studies,
    response: Response,
    dry_run: Annotated[bool, Query(description="Check and estimate; start nothing.")] = False,
    idempotency_key: IdempotencyKey = None,
) -> Study | Response:
    """Start a study from a specification, in JSON or YAML."""
    if dry_run:
        return JSONResponse((await studies.estimate(spec)).model_dump(mode="json"))
    study = await studies.create(spec, idempotency_key)
    response.headers["Location"] = f"/studies/{study.id}"
    return study


@router.get("")
async def list_studies(studies: Studies) -> StudyList:
    """List all studies, newest first."""
    return StudyList(studies=await studies.list())


@router.get("/{study_id}")
async def show_study(study_id: str, studies: Studies) -> StudyReport:
    """Show a study: its trials, the best first, with intervals over seeds, and how they compare."""
    return await studies.report(study_id)


@router.get("/{study_id}/curves")
async def show_study_curves(
    study_id: str,
    studies: Studies,
    against: Annotated[Axis, Query(description="What was used.")] = "environment_steps",
) -> StudyCurves:
    """Return each trial's test return over its seeds, against what it has used."""
    return await studies.curves(study_id, against)


@router.get(
    "/{study_id}/runs.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_study(study_id: str, studies: Studies) -> Response:
    """Return a study's runs as CSV, one a line."""
    return Response(await studies.csv(study_id), media_type="text/csv")


@router.post("/{study_id}/stop", responses={409: {"model": Problem}})
async def stop_study(study_id: str, studies: Studies) -> Study:
    """Stop a study and those of its runs that have not ended."""
    return await studies.stop(study_id)


@router.delete("/{study_id}", status_code=status.HTTP_204_NO_CONTENT, responses={409: {"model": Problem}})
async def delete_study(
    study_id: str, studies: Studies, runs: Annotated[bool, Query(description="Its experiments, too.")] = False
) -> None:
    """Delete a study that has ended."""
    await studies.delete(study_id, runs=runs)

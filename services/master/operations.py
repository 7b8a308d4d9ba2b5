"""Endpoints for those who operate the master: health, metrics."""

from __future__ import annotations

import os

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from services.master.dependencies import CurrentPlan, MetricsState

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """It is well."""

    status: str = Field(default="ok", description="Always `ok`.")


class Readiness(Health):
    """It takes requests, and this is who answers."""

    pid: int = Field(description="The process that answers.")


@router.get("/livez")
async def livez() -> Health:
    """Say that the process lives."""
    return Health()


@router.get("/readyz")
async def readyz() -> Readiness:
    """Say that the master takes requests. It needs no worker for that."""
    return Readiness(pid=os.getpid())


@router.get("/metrics", response_class=Response)
async def metrics(metrics: MetricsState, plan: CurrentPlan) -> Response:
    """Return the metrics in Prometheus text format."""
    return Response(metrics.render(plan.desired_workers), media_type=CONTENT_TYPE_LATEST)

"""Endpoints for those who operate the master: health, metrics, workers."""

from __future__ import annotations

import os

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from services.master.dependencies import FleetState, MetricsState
from services.master.dispatch.fleet import WorkerState
from shared.protocol import WorkerInfo

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """It is well."""

    status: str = "ok"


class Readiness(Health):
    """It takes requests, and this is who answers."""

    pid: int


class WorkerView(BaseModel):
    """A worker as the master sees it."""

    url: str
    state: WorkerState
    info: WorkerInfo | None
    units: int
    environment_steps: int
    failures: int
    last_error: str


class WorkerList(BaseModel):
    """All workers known now."""

    workers: list[WorkerView]


@router.get("/livez")
async def livez() -> Health:
    """Say that the process lives."""
    return Health()


@router.get("/readyz")
async def readyz() -> Readiness:
    """Say that the master takes requests. It needs no worker for that."""
    return Readiness(pid=os.getpid())


@router.get("/metrics", response_class=Response)
async def metrics(metrics: MetricsState) -> Response:
    """Return the metrics in Prometheus text format."""
    return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)


@router.get("/workers")
async def list_workers(fleet: FleetState) -> WorkerList:
    """List the workers with what is known of each."""
    return WorkerList(
        workers=[
            WorkerView(
                url=worker.url,
                state=worker.state,
                info=worker.info,
                units=worker.units,
                environment_steps=worker.environment_steps,
                failures=worker.failures,
                last_error=worker.last_error,
            )
            for worker in fleet.workers.values()
        ]
    )

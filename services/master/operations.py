"""Endpoints for those who operate the master: health, metrics."""

from __future__ import annotations

import asyncio
import os
import platform
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from seedcast.services.master.dependencies import CurrentPlan, DispatcherState, MetricsState
from seedcast.shared.protocol import PROTOCOL_VERSION

router = APIRouter(tags=["operations"])
_VERSION = version("seedcast")


class Health(BaseModel):
    """It is well."""

    status: str = Field(default="ok", description="Always `ok`.")


class Readiness(Health):
    """It takes requests, and this is who answers."""

    pid: int = Field(description="The process that answers.")


class Version(BaseModel):
    """What runs here."""

    version: str = Field(description="Seedcast's version.")
    protocol: int = Field(description="The version of the protocol that it speaks with workers.")
    python: str = Field(description="Python's version.")


@router.get("/version")
async def show_version() -> Version:
    """Say which version this is."""
    return Version(version=_VERSION, protocol=PROTOCOL_VERSION, python=platform.python_version())


class RecordedEvent(BaseModel):
    """An event that the scheduler was told of."""

    at: float = Field(description="Seconds of the scheduler's clock.")
    event: str = Field(description="What it is, such as UnitDone.")
    instructions: int = Field(ge=0, description="How many instructions it was answered with.")
    fields: dict[str, Any] = Field(description="What it says.")


class RecordedEvents(BaseModel):
    """The scheduler's last events, in order: `python -m tests.simulation replay FILE` plays them again."""

    complete: bool = Field(
        description="Whether they reach back to the master's start: only then a replay is exact."
    )
    tuning: dict[str, float] = Field(description="The scheduler's constants.")
    events: list[RecordedEvent]


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


@router.get("/debug/events", response_model=RecordedEvents)
async def debug_events(dispatcher: DispatcherState) -> Response:
    """Return what the scheduler was last told, and by which constants it decides."""
    recording = dispatcher.recording()
    return Response(await asyncio.to_thread(recording.to_json), media_type="application/json")

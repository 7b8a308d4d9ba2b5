"""GET /workers: the fleet, now and over time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from seedcast.services.master.dependencies import DispatcherState, FleetState, RecorderState, Service
from seedcast.services.master.workers.history import FleetHistory
from seedcast.services.master.workers.schemas import WorkerList
from seedcast.services.master.workers.views import worker_views
from seedcast.shared.problems import Problem

router = APIRouter(tags=["operations"])


@router.get("/workers")
async def list_workers(service: Service, fleet: FleetState, dispatcher: DispatcherState) -> WorkerList:
    """List the workers with what is known of each."""
    return WorkerList(workers=worker_views(fleet, dispatcher, service.lives.bindings()))


@router.get("/workers/history", responses={422: {"model": Problem}})
async def show_fleet_history(
    recorder: RecorderState,
    after: Annotated[float, Query(ge=0, description="Only what was taken later, in seconds since 1970.")] = 0.0,
) -> FleetHistory:
    """Return the fleet of the last day: every 5 s of an hour, before that every minute; since the master began."""
    return recorder.after(after)

"""GET /workers: the fleet."""

from __future__ import annotations

from fastapi import APIRouter

from services.master.dependencies import DispatcherState, FleetState, Service
from services.master.workers.schemas import WorkerList
from services.master.workers.views import worker_views

router = APIRouter(tags=["operations"])


@router.get("/workers")
async def list_workers(service: Service, fleet: FleetState, dispatcher: DispatcherState) -> WorkerList:
    """List the workers with what is known of each."""
    return WorkerList(workers=worker_views(fleet, dispatcher, service.bindings()))

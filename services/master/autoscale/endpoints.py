"""GET /autoscale: what an autoscaler such as KEDA polls."""

from __future__ import annotations

import time

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.master.dependencies import FleetState, PlannerState, Service

router = APIRouter(tags=["operations"])


class AutoscalePlan(BaseModel):
    """How many workers there should be."""

    desired_workers: int = Field(ge=0, description="Constant while the same experiments run.")
    reason: str


@router.get("/autoscale")
async def autoscale(service: Service, fleet: FleetState, planner: PlannerState) -> AutoscalePlan:
    """Say how many workers the running experiments can use; 0, or the minimum set, when there are none."""
    plan = planner.plan(await service.demand(), fleet.slots_per_worker, time.monotonic())
    return AutoscalePlan(desired_workers=plan.desired_workers, reason=plan.reason)

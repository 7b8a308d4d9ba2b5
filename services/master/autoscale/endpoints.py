"""GET /autoscale: what an autoscaler such as KEDA polls."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from seedcast.services.master.dependencies import CurrentPlan

router = APIRouter(tags=["operations"])


class AutoscalePlan(BaseModel):
    """How many workers there should be."""

    desired_workers: int = Field(ge=0, description="Constant while the same experiments run.")
    reason: str = Field(description="Why so many.")


@router.get("/autoscale")
async def autoscale(plan: CurrentPlan) -> AutoscalePlan:
    """Say how many workers the running experiments can use; 0, or the minimum set, when there are none."""
    return AutoscalePlan(desired_workers=plan.desired_workers, reason=plan.reason)

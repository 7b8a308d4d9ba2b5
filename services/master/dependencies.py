"""What endpoints ask FastAPI for. They are async, or FastAPI would call each in a thread."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from services.master.autoscale.plan import Planner
from services.master.dispatch.fleet import Fleet
from services.master.experiments.service import ExperimentService
from services.master.metrics import Metrics


async def _service(request: Request) -> ExperimentService:
    return cast(ExperimentService, request.state.service)


async def _fleet(request: Request) -> Fleet:
    return cast(Fleet, request.state.fleet)


async def _metrics(request: Request) -> Metrics:
    return cast(Metrics, request.state.metrics)


async def _planner(request: Request) -> Planner:
    return cast(Planner, request.state.planner)


Service = Annotated[ExperimentService, Depends(_service)]
FleetState = Annotated[Fleet, Depends(_fleet)]
MetricsState = Annotated[Metrics, Depends(_metrics)]
PlannerState = Annotated[Planner, Depends(_planner)]

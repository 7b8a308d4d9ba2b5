"""What endpoints ask FastAPI for. They are async, or FastAPI would call each in a thread."""

from __future__ import annotations

import time
from typing import Annotated, cast

from fastapi import Depends, Request

from seedcast.services.master.autoscale.plan import Plan, Planner
from seedcast.services.master.catalogue.environments import Environments
from seedcast.services.master.dashboard.columns import ColumnReader
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.events.stream import Readers
from seedcast.services.master.experiments.prices import Prices
from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.jobs.service import JobService
from seedcast.services.master.metrics import Metrics
from seedcast.services.master.studies.service import StudyService
from seedcast.services.master.workers.history import FleetRecorder


async def _service(request: Request) -> ExperimentService:
    return cast(ExperimentService, request.state.service)


async def _fleet(request: Request) -> Fleet:
    return cast(Fleet, request.state.fleet)


async def _dispatcher(request: Request) -> Dispatcher:
    return cast(Dispatcher, request.state.dispatcher)


async def _metrics(request: Request) -> Metrics:
    return cast(Metrics, request.state.metrics)


async def _planner(request: Request) -> Planner:
    return cast(Planner, request.state.planner)


async def _columns(request: Request) -> ColumnReader:
    return cast(ColumnReader, request.state.columns)


async def _studies(request: Request) -> StudyService:
    return cast(StudyService, request.state.studies)


async def _jobs(request: Request) -> JobService:
    return cast(JobService, request.state.jobs)


async def _environments(request: Request) -> Environments:
    return cast(Environments, request.state.environments)


async def _readers(request: Request) -> Readers:
    return cast(Readers, request.state.readers)


async def _prices(request: Request) -> Prices:
    return cast(Prices, request.state.prices)


async def _recorder(request: Request) -> FleetRecorder:
    return cast(FleetRecorder, request.state.recorder)


Service = Annotated[ExperimentService, Depends(_service)]
DispatcherState = Annotated[Dispatcher, Depends(_dispatcher)]
FleetState = Annotated[Fleet, Depends(_fleet)]
MetricsState = Annotated[Metrics, Depends(_metrics)]
Studies = Annotated[StudyService, Depends(_studies)]
Jobs = Annotated[JobService, Depends(_jobs)]
EnvironmentsState = Annotated[Environments, Depends(_environments)]
RecorderState = Annotated[FleetRecorder, Depends(_recorder)]
ReadersState = Annotated[Readers, Depends(_readers)]
PricesState = Annotated[Prices, Depends(_prices)]
ColumnsState = Annotated[ColumnReader, Depends(_columns)]
PlannerState = Annotated[Planner, Depends(_planner)]


async def _plan(service: Service, fleet: FleetState, planner: PlannerState) -> Plan:
    return planner.plan(service.lives.demand(), fleet.slots_per_worker, time.monotonic())


CurrentPlan = Annotated[Plan, Depends(_plan)]

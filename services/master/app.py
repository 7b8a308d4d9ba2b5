"""The master, assembled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TypedDict

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from threadpoolctl import threadpool_limits

from seedcast.services.master import operations
from seedcast.services.master.autoscale import endpoints as autoscale
from seedcast.services.master.autoscale.plan import Planner
from seedcast.services.master.catalogue import endpoints as catalogue
from seedcast.services.master.catalogue.environments import Environments
from seedcast.services.master.dashboard import endpoints as dashboard
from seedcast.services.master.dashboard.columns import ColumnReader
from seedcast.services.master.derived.refresher import Refresher
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.events import endpoints as events
from seedcast.services.master.events.feed import Feed
from seedcast.services.master.events.stream import Readers
from seedcast.services.master.experiments import endpoints as experiments
from seedcast.services.master.experiments import history_endpoints as history
from seedcast.services.master.experiments.metrics import ExperimentCollector
from seedcast.services.master.experiments.prices import Prices
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.runner import Collaborators
from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.fleet.discovery import parse_workers
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker_client import WorkerClient
from seedcast.services.master.heads import HeadAsGet
from seedcast.services.master.jobs import endpoints as jobs
from seedcast.services.master.jobs.repository import JobRepository
from seedcast.services.master.jobs.service import JobService
from seedcast.services.master.metrics import Metrics
from seedcast.services.master.request_metrics import RequestMetrics, request_histogram
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.services.master.settings import Settings
from seedcast.services.master.storage.bucket import Bucket, Mirror
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from seedcast.services.master.studies import endpoints as studies
from seedcast.services.master.studies.repository import StudyRepository
from seedcast.services.master.studies.service import StudyService
from seedcast.services.master.workers import endpoints as workers
from seedcast.services.master.workers.history import FleetRecorder, FleetSample, sample
from seedcast.services.master.workers.views import worker_views
from seedcast.shared.access import TokenRequired
from seedcast.shared.delivery import Delivery
from seedcast.shared.guard import JSON_TYPES, YAML_TYPES, Guard
from seedcast.shared.openapi import complete, operation_id
from seedcast.shared.parameters import KnownParameters
from seedcast.shared.problem_responses import install_problem_handlers
from seedcast.shared.request_id import RequestId


class State(TypedDict):
    """What the lifespan hands to the endpoints."""

    service: ExperimentService
    studies: StudyService
    fleet: Fleet
    dispatcher: Dispatcher
    metrics: Metrics
    planner: Planner
    columns: ColumnReader
    readers: Readers
    jobs: JobService
    environments: Environments
    recorder: FleetRecorder
    prices: Prices


def create_app(settings: Settings, folder: DataFolder, leaving: asyncio.Event | None = None) -> FastAPI:
    """Build the application; it starts working when it is served.

    Once ``leaving`` is set, the master is about to end, and streams end first.
    """
    discovery = parse_workers(settings.workers)
    secret = settings.worker_secret.get_secret_value() if settings.worker_secret else None
    bucket = Bucket(settings.artifacts) if settings.artifacts else None

    request_seconds = request_histogram()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        database = Database(folder.database)
        fleet = Fleet(discovery, partial(WorkerClient, secret=secret))
        dispatcher = Dispatcher(fleet, Tuning(unit_seconds=settings.unit_seconds))
        repository = ExperimentRepository(database, settings.prices)
        refresher = Refresher(folder.database, folder.experiment, repository.note_files_exact)
        collaborators = Collaborators(
            repository, History(database), dispatcher, fleet, refresher, settings.models_kept
        )
        service = ExperimentService(folder, collaborators)
        study_service = StudyService(StudyRepository(database), service)
        job_service = JobService(JobRepository(database), service, folder, dispatcher, fleet)
        metrics = Metrics(fleet, dispatcher, ExperimentCollector(service, collaborators.history), request_seconds)
        columns = ColumnReader(collaborators.history)
        planner = Planner(settings.autoscale)

        def take() -> FleetSample:
            plan = planner.plan(service.lives.demand(), fleet.slots_per_worker, time.monotonic())
            return sample(worker_views(fleet, dispatcher, {}), plan.desired_workers, time.time())

        recorder = FleetRecorder(take)
        environments = Environments(fleet)
        readers = Readers(Feed(service.get, collaborators.history), leaving or asyncio.Event())
        # One BLAS thread: the bits of a product must not depend on how many cores the master has.
        with threadpool_limits(1):
            background = [
                asyncio.create_task(fleet.run()),
                asyncio.create_task(metrics.watch_loop()),
                asyncio.create_task(refresher.run()),
                asyncio.create_task(recorder.run()),
            ]
            if bucket is not None:
                background.append(asyncio.create_task(Mirror(bucket, folder.experiments).run()))
            await service.lives.resume_all()
            await job_service.resume_all()
            await study_service.resume_all()
            try:
                yield State(
                    service=service,
                    studies=study_service,
                    fleet=fleet,
                    dispatcher=dispatcher,
                    metrics=metrics,
                    planner=planner,
                    columns=columns,
                    readers=readers,
                    jobs=job_service,
                    environments=environments,
                    recorder=recorder,
                    prices=settings.prices,
                )
            finally:
                await environments.close()
                await study_service.close()
                await job_service.close()
                await service.lives.close()
                await dispatcher.close()
                for task in background:
                    task.cancel()
                await asyncio.gather(*background, return_exceptions=True)
                columns.close()
                database.close()

    app = FastAPIOffline(
        title="Seedcast master",
        description="Evolution strategies at scale.",
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
    )
    install_problem_handlers(app)
    if settings.access:
        app.add_middleware(TokenRequired, tokens=settings.access)
    app.add_middleware(Delivery)
    app.add_middleware(
        Guard, media_types=JSON_TYPES | YAML_TYPES, hosts=settings.hosts, any_host=bool(settings.access)
    )
    app.add_middleware(RequestMetrics, seconds=request_seconds)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestId)
    known = Depends(KnownParameters().check)
    for api in (experiments, history, studies, events, jobs, catalogue, workers, autoscale):
        app.include_router(api.router, dependencies=[known])
    app.include_router(operations.router)
    app.include_router(dashboard.router)
    complete(app)
    return app

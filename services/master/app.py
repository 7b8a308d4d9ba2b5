"""The master, assembled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import Histogram
from threadpoolctl import threadpool_limits

from seedcast.services.master import operations
from seedcast.services.master.autoscale import endpoints as autoscale
from seedcast.services.master.catalogue import endpoints as catalogue
from seedcast.services.master.dashboard import endpoints as dashboard
from seedcast.services.master.events import endpoints as events
from seedcast.services.master.experiments import endpoints as experiments
from seedcast.services.master.experiments import history_endpoints as history
from seedcast.services.master.fleet.discovery import parse_workers
from seedcast.services.master.heads import HeadAsGet
from seedcast.services.master.jobs import endpoints as jobs
from seedcast.services.master.parts import Parts, State
from seedcast.services.master.request_metrics import RequestMetrics, request_histogram
from seedcast.services.master.settings import Settings
from seedcast.services.master.storage.bucket import Bucket
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.studies import endpoints as studies
from seedcast.services.master.workers import endpoints as workers
from seedcast.shared.access import TokenRequired
from seedcast.shared.delivery import Delivery
from seedcast.shared.guard import JSON_TYPES, YAML_TYPES, Guard
from seedcast.shared.openapi import complete, operation_id
from seedcast.shared.packed import Once
from seedcast.shared.parameters import KnownParameters
from seedcast.shared.problem_responses import install_problem_handlers
from seedcast.shared.request_id import RequestId

DOCUMENT_SECONDS = 15.0
"""So long after its start the API's document is made, unless somebody has asked for it: then it is no longer busy
with what it resumes, and who starts one for a moment is spared half a second of a core."""


def create_app(settings: Settings, folder: DataFolder, leaving: asyncio.Event | None = None) -> FastAPI:
    """Build the application; it starts working when it is served.

    Once ``leaving`` is set, the master is about to end, and streams end first.
    """
    discovery = parse_workers(settings.workers)
    bucket = Bucket(settings.artifacts) if settings.artifacts else None
    request_seconds = request_histogram()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        parts = Parts.build(settings, folder, discovery, bucket, request_seconds, leaving or asyncio.Event())
        # One BLAS thread: the bits of a product must not depend on how many cores the master has.
        with threadpool_limits(1):
            background = [asyncio.create_task(work) for work in (*parts.background(), _make_soon(document))]
            await parts.resume()
            try:
                yield parts.state
            finally:
                await parts.let_go()
                for task in background:
                    task.cancel()
                await asyncio.gather(*background, return_exceptions=True)
                parts.close()

    app = FastAPIOffline(
        title="Seedcast master",
        description="Evolution strategies at scale.",
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
    )
    _surround(app, settings, request_seconds)
    known = Depends(KnownParameters().check)
    for api in (experiments, history, studies, events, jobs, catalogue, workers, autoscale):
        app.include_router(api.router, dependencies=[known])
    app.include_router(operations.router)
    app.include_router(dashboard.router)
    document = complete(app)
    return app


def _surround(app: FastAPI, settings: Settings, request_seconds: Histogram) -> None:
    """Put the middleware around the endpoints, the innermost first."""
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


async def _make_soon(document: Once) -> None:
    """Make the API's document before somebody asks for it and has to wait."""
    await asyncio.sleep(DOCUMENT_SECONDS)
    await document.get()

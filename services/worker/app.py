"""The worker, assembled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypedDict

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from seedcast.services.worker.endpoints import router
from seedcast.services.worker.metrics import Metrics
from seedcast.services.worker.schemas import add_schemas
from seedcast.services.worker.settings import Settings
from seedcast.services.worker.slots.pool import SlotPool
from seedcast.shared.access import TokenRequired
from seedcast.shared.guard import JSON_TYPES, Guard
from seedcast.shared.openapi import complete, operation_id
from seedcast.shared.problem_responses import install_problem_handlers
from seedcast.shared.protocol import FRAME_MEDIA_TYPE
from seedcast.shared.request_id import RequestId


class State(TypedDict):
    """What the lifespan hands to the endpoints."""

    settings: Settings
    pool: SlotPool
    metrics: Metrics


def create_app(settings: Settings, pool: SlotPool, metrics: Metrics) -> FastAPI:
    """Build the application; its slots start when it is served."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        slots = asyncio.create_task(pool.run())
        try:
            yield State(settings=settings, pool=pool, metrics=metrics)
        finally:
            slots.cancel()
            with suppress(asyncio.CancelledError):
                await slots

    app = FastAPIOffline(
        title="Seedcast worker",
        description="Computes batches of rollouts.",
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
    )
    install_problem_handlers(app)
    if settings.access:
        app.add_middleware(TokenRequired, tokens=settings.access)
    app.add_middleware(Guard, media_types=JSON_TYPES | {FRAME_MEDIA_TYPE}, any_host=bool(settings.access))
    app.add_middleware(RequestId)
    app.include_router(router)
    add_schemas(app)
    complete(app)
    return app

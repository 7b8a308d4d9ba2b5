"""The master's dispatcher on the workers of a local cluster, for benchmarks that need no more of a master."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.fleet.discovery import parse_workers
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker_client import WorkerClient

START_SECONDS = 120.0


@asynccontextmanager
async def dispatching(workers: Sequence[str], secret: str) -> AsyncIterator[Dispatcher]:
    """Give a dispatcher when all workers are ready.

    Raises:
        SystemExit: they are not after two minutes; with the reason of each.
    """
    fleet = Fleet(parse_workers(",".join(workers)), partial(WorkerClient, secret=secret))
    probing = asyncio.create_task(fleet.run())
    dispatcher = Dispatcher(fleet)
    try:
        await _all_ready(fleet, len(workers))
        yield dispatcher
    finally:
        probing.cancel()
        await dispatcher.close()


async def _all_ready(fleet: Fleet, workers: int) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            while len(fleet.ready) < workers:  # noqa: ASYNC110 - the fleet tells of the first one only
                await asyncio.sleep(0.1)
    except TimeoutError:
        why = "; ".join(f"{one.url}: {one.last_error}" for one in fleet.workers.values())
        raise SystemExit(f"not all workers are ready after {START_SECONDS:g} s: {why}") from None

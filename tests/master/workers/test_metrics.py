"""The workers as metrics."""

from __future__ import annotations

import asyncio
from pathlib import Path

from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker_state import WorkerState
from seedcast.services.master.metrics import Metrics
from tests.master.fleet.test_fleet import Changing, rounds
from tests.processes import worker


def test_a_worker_has_a_series_while_it_is_discovered_and_none_once_it_has_vanished(tmp_path: Path) -> None:
    async def run() -> None:
        with worker(tmp_path, slots=2) as present:
            discovery = Changing(present.url)
            fleet = Fleet(discovery)
            metrics = Metrics(fleet, Dispatcher(fleet))
            probing = asyncio.create_task(fleet.run())
            await rounds(fleet, WorkerState.READY, present.url)
            assert f'seedcast_master_worker_slots{{worker="{present.url}"}} 2.0' in metrics.render(0).decode()
            assert (
                f'seedcast_master_worker_memory_bytes{{worker="{present.url}"}} 0.0'
                not in metrics.render(0).decode()
            )
            discovery.answer = []
            await rounds(fleet, None, present.url)
            assert present.url not in metrics.render(0).decode()
            probing.cancel()

    asyncio.run(run())

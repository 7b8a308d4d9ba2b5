"""What is known of the workers, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import Worker
from seedcast.services.master.workers.schemas import WorkerView


def worker_views(fleet: Fleet, dispatcher: Dispatcher, bindings: Mapping[str, str]) -> list[WorkerView]:
    """Return all workers as they are now; ``bindings`` are the fingerprints that experiments are bound to."""
    return [_view(worker, dispatcher, bindings) for worker in fleet.workers.values()]


def _view(worker: Worker, dispatcher: Dispatcher, bindings: Mapping[str, str]) -> WorkerView:
    now = asyncio.get_running_loop().time()
    standing = dispatcher.standing(worker.url)
    units, steps = worker.meter.rates(now)
    others = sorted(name for name, fingerprint in bindings.items() if fingerprint != worker.fingerprint)
    return WorkerView(
        url=worker.url,
        state=worker.state,
        info=worker.info,
        in_flight=worker.in_flight,
        placement=standing.why if standing else "",
        allowance=standing.allowance if standing else 0,
        slowness=standing.slowness if standing else 1.0,
        units=worker.units,
        environment_steps=worker.environment_steps,
        units_per_second=units,
        steps_per_second=steps,
        memory_bytes=worker.client.memory_bytes,
        failures=worker.failures,
        last_error=worker.last_error,
        resting_seconds=max(0.0, standing.rest_until - now) if standing else 0.0,
        not_used_by=others if worker.info else [],
    )

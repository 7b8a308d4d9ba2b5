"""The master's metrics, in Prometheus text format."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from services.master.dispatch.dispatcher import Dispatcher
from services.master.dispatch.fleet import Fleet, WorkerState

LAG_INTERVAL_SECONDS = 0.05
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Metrics:
    """Counts what the master does; what others know already is read from them when asked for."""

    def __init__(self, fleet: Fleet, dispatcher: Dispatcher) -> None:
        self._fleet = fleet
        self._dispatcher = dispatcher
        self._registry = CollectorRegistry()
        self._lag = Histogram(
            "seedcast_master_loop_lag_seconds",
            "How late the event loop wakes up.",
            buckets=LAG_BUCKETS,
            registry=self._registry,
        )
        self._workers = Gauge("seedcast_master_workers", "Workers by state.", ["state"], registry=self._registry)
        self._late = Gauge(
            "seedcast_master_late_replies", "Replies dropped as late or duplicate.", registry=self._registry
        )
        self._unequal = Gauge(
            "seedcast_master_unequal_duplicates",
            "Late replies with other bits than those that counted.",
            registry=self._registry,
        )

    async def watch_loop(self) -> None:
        """Measure the event loop's lag until cancelled."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LAG_INTERVAL_SECONDS)
            self._lag.observe(max(0.0, time.perf_counter() - before - LAG_INTERVAL_SECONDS))

    def render(self) -> bytes:
        """Return all metrics as text."""
        for state in WorkerState:
            count = sum(worker.state is state for worker in self._fleet.workers.values())
            self._workers.labels(state.value).set(count)
        self._late.set(self._dispatcher.late_replies)
        self._unequal.set(self._dispatcher.unequal_duplicates)
        return generate_latest(self._registry)

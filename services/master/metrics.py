"""The master's metrics, in Prometheus text format."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.workers.metrics import WorkerCollector

LAG_INTERVAL_SECONDS = 0.05
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Metrics:
    """Counts what the master does; what others know already is read from them when asked for."""

    def __init__(self, fleet: Fleet, dispatcher: Dispatcher, *others: Collector) -> None:
        self._registry = registry = CollectorRegistry()
        self._lag = Histogram(
            "seedcast_master_loop_lag_seconds",
            "How late the event loop wakes up.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self._desired = Gauge(
            "seedcast_master_desired_workers",
            "Workers that the running experiments can use: the plan of GET /autoscale.",
            registry=registry,
        )
        registry.register(WorkerCollector(fleet, dispatcher))
        for collector in (_Dispatched(dispatcher), *others):
            registry.register(collector)

    async def watch_loop(self) -> None:
        """Measure the event loop's lag until cancelled."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LAG_INTERVAL_SECONDS)
            self._lag.observe(max(0.0, time.perf_counter() - before - LAG_INTERVAL_SECONDS))

    def render(self, desired_workers: int) -> bytes:
        """Return all metrics as text."""
        self._desired.set(desired_workers)
        return generate_latest(self._registry)


class _Dispatched(Collector):
    """What the dispatcher counts."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def collect(self) -> Iterator[Metric]:
        """Yield all."""
        seen = self._dispatcher
        for name, text, count in (
            ("hedges", "Units sent to a second worker because the first took too long.", seen.hedges),
            ("late_replies", "Replies dropped as late or duplicate.", seen.late_replies),
            (
                "unequal_duplicates",
                "Late replies with other bits than those that counted.",
                seen.unequal_duplicates,
            ),
        ):
            yield CounterMetricFamily(f"seedcast_master_{name}", text, value=count)

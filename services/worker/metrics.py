"""The worker's metrics, in Prometheus text format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from seedcast.services.worker.slots.messages import Summary
from seedcast.services.worker.slots.pool import SlotPool

SECONDS_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 60.0)


class Metrics:
    """Counts what slots report; what the pool knows already is read from it when asked for."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._rollouts = Counter("seedcast_worker_rollouts", "Rollouts with a result.", registry=registry)
        self._steps = Counter("seedcast_worker_environment_steps", "Environment steps.", registry=registry)
        self._seconds = Histogram(
            "seedcast_worker_unit_seconds", "Seconds a unit ran.", buckets=SECONDS_BUCKETS, registry=registry
        )
        self._failures = Counter(
            "seedcast_worker_failures", "Rollouts without a result.", ["kind"], registry=registry
        )
        self._busy = Gauge("seedcast_worker_busy_slots", "Slots at work.", registry=registry)
        self._queue = Gauge("seedcast_worker_queue", "Requests waiting for a slot.", registry=registry)
        self._restarts = Counter("seedcast_worker_slot_restarts", "Slots replaced.", registry=registry)
        self._counted_restarts = 0

    def count(self, unit: Summary) -> None:
        """Count a unit that has ended."""
        failed = sum(unit.failures.values())
        self._rollouts.inc(unit.rollouts - failed)
        self._steps.inc(unit.steps)
        self._seconds.observe(unit.seconds)
        for kind, rollouts in unit.failures.items():
            self._failures.labels(kind).inc(rollouts)

    def render(self, pool: SlotPool) -> bytes:
        """Return all metrics as text."""
        self._busy.set(pool.busy)
        self._queue.set(pool.waiting)
        self._restarts.inc(pool.restarts - self._counted_restarts)
        self._counted_restarts = pool.restarts
        return generate_latest(self._registry)

"""The workers as Prometheus metrics, read when asked for: one that has vanished leaves no series behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker_state import WorkerState
from seedcast.services.master.workers.schemas import WorkerView
from seedcast.services.master.workers.views import worker_views

PREFIX = "seedcast_master_worker"

GAUGES: dict[str, tuple[str, Callable[[WorkerView], float]]] = {
    "slots": ("Units that it computes at a time.", lambda worker: worker.info.slots if worker.info else 0),
    "in_flight": ("Units under way to it, in its slots, or in its queue.", lambda worker: worker.in_flight),
    "allowance": ("Slots that its units may take, or wait for, now.", lambda worker: worker.allowance),
    "slowness": (
        "Relative slowness: 2.0 takes twice as long as the median worker.",
        lambda worker: worker.slowness,
    ),
    "units_per_second": ("Units per second, over the last 10 s.", lambda worker: worker.units_per_second),
    "steps_per_second": (
        "Environment steps per second, over the last 10 s.",
        lambda worker: worker.steps_per_second,
    ),
    "memory_bytes": (
        "Resident memory of it and its slots together; 0: it does not say.",
        lambda worker: worker.memory_bytes or 0,
    ),
    "resting_seconds": ("Set aside for so many seconds more.", lambda worker: worker.resting_seconds),
}

COUNTERS: dict[str, tuple[str, Callable[[WorkerView], float]]] = {
    "units": ("Units answered.", lambda worker: worker.units),
    "environment_steps": ("Environment steps in them.", lambda worker: worker.environment_steps),
    "failures": ("Units lost, and failures named in those answered.", lambda worker: worker.failures),
}


class WorkerCollector(Collector):
    """Yields a figure for each worker, by its address, and those of the dispatcher."""

    def __init__(self, fleet: Fleet, dispatcher: Dispatcher) -> None:
        self._fleet = fleet
        self._dispatcher = dispatcher

    def collect(self) -> Iterator[Metric]:
        """Yield all."""
        views = worker_views(self._fleet, self._dispatcher, {})
        yield _by_state(views)
        yield _who(views)
        for name, (text, figure) in GAUGES.items():
            gauge = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["worker"])
            for view in views:
                gauge.add_metric([view.url], figure(view))
            yield gauge
        for name, (text, figure) in COUNTERS.items():
            counter = CounterMetricFamily(f"{PREFIX}_{name}", text, labels=["worker"])
            for view in views:
                counter.add_metric([view.url], figure(view))
            yield counter


def _by_state(views: list[WorkerView]) -> Metric:
    count = Counter(view.state for view in views)
    family = GaugeMetricFamily("seedcast_master_workers", "Workers by state.", labels=["state"])
    for state in WorkerState:
        family.add_metric([state.value], count[state])
    return family


def _who(views: list[WorkerView]) -> Metric:
    family = InfoMetricFamily(PREFIX, "What each worker says of itself.", labels=["worker"])
    for view in views:
        if (info := view.info) is not None:
            said = {"version": info.version, "protocol": str(info.protocol), "cpu": info.cpu}
            family.add_metric([view.url], {**said, "fingerprint": info.fingerprint, "state": view.state.value})
    return family

"""The experiments as Prometheus metrics: how many are where, and what was committed; none has its own series."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.experiments.transitions import SETTLED, State
from seedcast.services.master.storage.history import History

SHOWN = tuple(state for state in State if state in SETTLED - {State.DELETED, State.CLOSED})
CHANGING = "changing"
"""On the way from one of these to another."""


class ExperimentCollector(Collector):
    """Reads them when asked for."""

    def __init__(self, service: ExperimentService, history: History) -> None:
        self._service = service
        self._history = history

    def collect(self) -> Iterator[Metric]:
        """Yield all."""
        states = self._service.lives.states()
        family = GaugeMetricFamily("seedcast_master_experiments", "Experiments by state.", labels=["state"])
        for state in SHOWN:
            family.add_metric([state.value], states.pop(state, 0))
        states.pop(State.DELETED, None)
        family.add_metric([CHANGING], sum(states.values()))
        yield family
        for name, text, count in (
            ("generations", "Generations committed.", self._history.generations_committed),
            ("tests", "Tests committed.", self._history.tests_committed),
        ):
            yield CounterMetricFamily(f"seedcast_master_{name}", text, value=count)

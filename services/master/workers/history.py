"""The fleet over time, in memory: of the last hour a sample every few seconds, of the day before one a minute."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from seedcast.services.master.fleet.worker_state import WorkerState
from seedcast.services.master.workers.schemas import WorkerView

SAMPLE_SECONDS = 5.0
FINE = 720
"""Samples that are kept as they were taken: an hour."""
COARSE_EVERY = 12
COARSE = 1440
"""Of older ones every `COARSE_EVERY`-th is kept: a day."""

log = logging.getLogger(__name__)


class FleetSample(BaseModel):
    """All workers together at one moment."""

    model_config = ConfigDict(frozen=True)

    at: float = Field(description="Seconds since 1970, UTC.")
    ready: int = Field(description="Workers that take units.")
    others: int = Field(description="Workers that start, drain, or do not answer.")
    desired: int = Field(description="Workers that `GET /autoscale` asked for.")
    slots: int = Field(description="Of the workers that take units.")
    busy: int = Field(description="Slots with work.")
    draining: int = Field(description="Slots of workers that finish what they have, and take nothing new.")
    units_per_second: float = Field(description="Over the last 10 s.")
    steps_per_second: float = Field(description="Environment steps, over the last 10 s.")
    failures: int = Field(description="Units lost, and failures named in those answered, of the workers known.")
    memory_bytes: int | None = Field(description="Of all workers that say what they take; null: none does.")
    set_aside: int = Field(description="Workers that rest, as they failed again and again.")


class FleetHistory(BaseModel):
    """Samples, oldest first."""

    samples: list[FleetSample]


def sample(views: Sequence[WorkerView], desired: int, at: float) -> FleetSample:
    """Return what the workers are together."""
    ready = [view for view in views if view.state is WorkerState.READY]
    draining = [view for view in views if view.state is WorkerState.DRAINING]
    memory = [view.memory_bytes for view in views if view.memory_bytes is not None]
    return FleetSample(
        at=at,
        ready=len(ready),
        others=len(views) - len(ready),
        desired=desired,
        slots=sum(view.info.slots for view in ready if view.info),
        busy=sum(min(view.in_flight, view.info.slots) for view in views if view.info),
        draining=sum(view.info.slots for view in draining if view.info),
        memory_bytes=sum(memory) if memory else None,
        units_per_second=sum(view.units_per_second for view in views),
        steps_per_second=sum(view.steps_per_second for view in views),
        failures=sum(view.failures for view in views),
        set_aside=sum(view.resting_seconds > 0 for view in views),
    )


class FleetRecorder:
    """Takes samples and keeps those of late."""

    def __init__(self, take: Callable[[], FleetSample]) -> None:
        self._take = take
        self._fine: deque[FleetSample] = deque()
        self._coarse: deque[FleetSample] = deque(maxlen=COARSE)
        self._passed = 0
        """Samples that have grown old, since the last that was kept."""

    async def run(self) -> None:
        """Take samples until cancelled."""
        while True:
            try:
                self.add(self._take())
            except Exception:  # a chart is not worth the master
                log.exception("no sample of the fleet could be taken")
            await asyncio.sleep(SAMPLE_SECONDS)

    def add(self, taken: FleetSample) -> None:
        """Keep a sample, and of those that are old by now every so-manieth."""
        self._fine.append(taken)
        while len(self._fine) > FINE:
            old = self._fine.popleft()
            if self._passed == 0:
                self._coarse.append(old)
            self._passed = (self._passed + 1) % COARSE_EVERY

    def after(self, at: float) -> FleetHistory:
        """Return what was taken later than ``at``, in seconds since 1970."""
        return FleetHistory(samples=[one for one in (*self._coarse, *self._fine) if one.at > at])

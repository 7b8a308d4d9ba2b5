"""A worker as the master sees it: where it is, where it stands, what it has done and answered."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from seedcast.services.master.fleet.throughput import Throughput
from seedcast.services.master.fleet.worker_client import WorkerClient
from seedcast.services.master.fleet.worker_state import WorkerState
from seedcast.shared.errors import SeedcastError
from seedcast.shared.protocol import UnitResult, WorkerInfo
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveSpec
from seedcast.shared.spec.task import TaskDescription

ROLLOUTS = "rollouts of any environment"
"""What a worker with environments offers, beside the ids of its objectives, which hold no blanks."""

MOST_TOLD = 256
"""Descriptions that are remembered of a worker."""


@dataclass
class Worker:
    """One worker as the master sees it."""

    url: str
    client: WorkerClient
    state: WorkerState = WorkerState.STARTING
    info: WorkerInfo | None = None
    last_error: str = ""
    missed: int = 0
    """Probes it has not answered, in a row."""
    discovered: bool = True
    """False: no longer there by discovery; it may finish what it has."""
    units: int = 0
    """Units answered."""
    environment_steps: int = 0
    failures: int = 0
    """Units lost or failed."""
    deadlines: list[float] = field(default_factory=list)
    """Of the units under way to it, in seconds."""
    heard: float = -math.inf
    """When it last answered a unit, on the loop's clock; never, since it last failed to."""
    doubtful: bool = False
    """It failed to answer: at this address there may be another by now, so it is asked again what it is."""
    meter: Throughput = field(default_factory=Throughput)
    _told: dict[str, TaskDescription] = field(default_factory=dict)
    """What it has said of environments and objectives, by specification; all of it from who answers there now."""

    @property
    def fingerprint(self) -> str:
        """What it says its machine is; nothing before it has said anything."""
        return self.info.fingerprint if self.info else ""

    @property
    def in_flight(self) -> int:
        """Units under way to it, in its slots, or in its queue."""
        return len(self.deadlines)

    @property
    def offers(self) -> tuple[str, ...]:
        """What may be needed of it that it has: `ROLLOUTS`, and objectives."""
        if self.info is None:
            return ()
        return (*self.info.objectives, *((ROLLOUTS,) if self.info.environments else ()))

    @property
    def takes_keys(self) -> bool:
        """Whether it makes members of keys; otherwise they are written out for it."""
        return self.info is None or "gaussian" in self.info.populations

    def told(self, task: EnvironmentSpec | ObjectiveSpec) -> TaskDescription | None:
        """Return what it has said of a task; None: it has not been asked."""
        return self._told.get(task.model_dump_json())

    async def describe(self, task: EnvironmentSpec | ObjectiveSpec) -> TaskDescription:
        """Ask what a task is, and remember it: the answer takes a slot, and slots may be busy for long.

        Raises:
            SeedcastError: as the client's `describe`.
        """
        asked_of = self._told
        description = await self.client.describe(task)
        while len(asked_of) >= MOST_TOLD:
            del asked_of[next(iter(asked_of))]
        asked_of[task.model_dump_json()] = description
        return description

    def forget_told(self) -> None:
        """Take nothing for granted that was said: another one may answer there from now on."""
        self._told = {}  # a new one: an answer on its way may still be of the old worker

    def answered(self, result: UnitResult) -> None:
        """Count a reply."""
        self.units += 1
        self.heard = asyncio.get_running_loop().time()
        self.missed = 0
        steps = int(result.lengths.sum())
        self.environment_steps += steps
        self.meter.add(self.heard, 1, steps)
        for failure in result.failures:
            self.failures += 1
            self.last_error = f"{failure.kind}: {failure.message}"

    def failed(self, error: SeedcastError) -> None:
        """Note that it did not answer a unit."""
        self.heard = -math.inf
        self.doubtful = True
        self.forget_told()
        self.last_error = str(error)

"""What the scheduler is told, as plain values."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from seedcast.shared.protocol import Failure


@dataclass(frozen=True)
class JobAdded:
    """There is a job of so many rollouts. ``job`` numbers must never repeat."""

    job: int
    experiment: str
    rollouts: int
    background: bool = False
    """A test: within its experiment training goes first."""
    most_seconds: float = math.inf
    """No unit of it should take longer than this,"""
    most_rollouts: int = sys.maxsize
    """and none may have more."""
    kind: str | None = None
    """Only workers of this kind may have any of it; None: all."""
    needs: str | None = None
    """Only workers that offer this may, an objective; None: all."""
    share: float = 1.0
    """Its experiment's weight beside the others: what it has in flight is divided by this."""
    lanes: int = 1
    """A slot has so many of its rollouts at work at once, and fewer of them take longer each."""


@dataclass(frozen=True)
class JobRemoved:
    """Nobody wants a job any more, finished or not."""

    job: int


@dataclass(frozen=True)
class WorkerUp:
    """A worker has so many slots; with 0 it finishes what it has and gets nothing more."""

    worker: str
    slots: int
    kind: str = ""
    """Any text: jobs may ask for it."""
    queue: int | None = None
    """Units that may wait for its slots; None: it does not say."""
    offers: tuple[str, ...] = ()
    """Objectives that jobs may need of it."""


@dataclass(frozen=True)
class WorkerDown:
    """A worker is gone, and with it whatever it was computing; ``forget``: it will not come back."""

    worker: str
    forget: bool = False


@dataclass(frozen=True)
class UnitDone:
    """A unit's reply has come, with the failures that it names. Unknown units are late replies."""

    unit: int
    busy_seconds: float
    """Seconds of slots that it took."""
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class UnitLost:
    """A unit has no known outcome (reset, timeout, 5xx): it will be run elsewhere."""

    unit: int


@dataclass(frozen=True)
class UnitRefused:
    """A unit was not taken (no room, no connection), so nothing of it has run; its worker rests so long."""

    unit: int
    rest_seconds: float = 0.0


@dataclass(frozen=True)
class RequestCosts:
    """A request costs the master so many seconds of its time, as measured."""

    seconds: float


@dataclass(frozen=True)
class Tick:
    """Time has passed."""


Event = JobAdded | JobRemoved | WorkerUp | WorkerDown | UnitDone | UnitLost | UnitRefused | RequestCosts | Tick

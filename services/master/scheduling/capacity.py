"""What the usable workers come to, all together and by kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.master.scheduling.pool_worker import PoolWorker


@dataclass
class Capacity:
    """So many workers, with so many slots, that do so much."""

    workers: int = 0
    slots: int = 0
    rate: float = 0.0
    """Seconds of a typical worker's work that they do in a second."""
    idle: int = 0
    """Slots that have nothing to do."""

    @property
    def pace(self) -> float:
        """Seconds that these workers take, on average, for what takes a typical one of all kinds one."""
        return self.slots / max(self.rate, 1e-9)

    def add(self, worker: PoolWorker) -> None:
        """Count a worker in."""
        self.workers += 1
        self.slots += worker.slots
        self.rate += worker.rate
        self.idle += worker.idle


class Capacities:
    """The capacity of each kind of worker, and under None that of all."""

    def __init__(self) -> None:
        self._by_kind: dict[str | None, Capacity] = {None: Capacity()}

    def count(self, usable: Iterable[PoolWorker]) -> None:
        """Add all up anew."""
        self._by_kind = {None: Capacity()}
        for worker in usable:
            self._by_kind[None].add(worker)
            self._by_kind.setdefault(worker.kind, Capacity()).add(worker)

    def of(self, kind: str | None) -> Capacity:
        """Return the capacity of the workers that a job of this kind may use; None: of any kind."""
        return self._by_kind.get(kind) or Capacity()

    def quicken(self, worker: PoolWorker, rate: float) -> None:
        """Note that a usable worker does so much more in a second than when it was counted."""
        for kind in (None, worker.kind):
            self.of(kind).rate += rate

    def idle(self, worker: PoolWorker, slots: int) -> None:
        """Note that a usable worker has so many idle slots more than when it was counted, or fewer."""
        for kind in (None, worker.kind):
            self.of(kind).idle += slots

"""All workers: who they are, who is free, and what they come to together."""

from __future__ import annotations

from collections.abc import Iterator, Set

from services.master.scheduling.capacity import Capacities, Capacity
from services.master.scheduling.free_workers import FreeWorkers
from services.master.scheduling.pool_worker import PoolWorker


class Pool:
    """Those workers that are up, and those that are away with their standing."""

    def __init__(self) -> None:
        self._workers: dict[str, PoolWorker] = {}
        self._free = FreeWorkers()
        self._capacities = Capacities()
        """Of all usable workers. Out of date while `_stale`."""
        self._stale = False

    def __iter__(self) -> Iterator[PoolWorker]:
        return iter(self._workers.values())

    def get(self, name: str) -> PoolWorker | None:
        """Return a worker, or None where it is not known."""
        return self._workers.get(name)

    def enter(self, name: str, order: int) -> PoolWorker:
        """Return a worker, a new one where it is not known."""
        return self._workers.setdefault(name, PoolWorker(name, order))

    def forget(self, name: str) -> None:
        """Forget a worker and its standing."""
        del self._workers[name]

    # Who is free

    @property
    def free_kinds(self) -> Set[str]:
        """The kinds that there may be free workers of."""
        return self._free.kinds

    def pop_free(self, kinds: Set[str]) -> PoolWorker | None:
        """Return the freest worker of these kinds, and take it for busy until `loaded` or `changed` is told."""
        return self._free.pop(kinds)

    def loaded(self, worker: PoolWorker, now: float) -> None:
        """A worker holds other units than before."""
        self._free.update(worker, now)

    def changed(self, worker: PoolWorker, now: float) -> None:
        """A worker's slots, kind or standing may have changed."""
        self._free.update(worker, now)
        self._stale = True

    def wake(self, now: float) -> None:
        """Take those back whose rest is over."""
        self._stale = self._free.wake(now) or self._stale

    # What they come to

    def recount(self) -> None:
        """The paces of workers have changed."""
        self._stale = True

    def quicken(self, worker: PoolWorker, rate: float, now: float) -> None:
        """A worker does so much more in a second than before."""
        if worker.usable(now):
            self._capacities.quicken(worker, rate)

    def idle(self, worker: PoolWorker, slots: int, now: float) -> None:
        """A worker holds other units than before, and so many more of its slots are idle, or fewer."""
        if worker.usable(now):
            self._capacities.idle(worker, slots)
        self.loaded(worker, now)

    def count(self, now: float) -> None:
        """Add up the usable workers, where anything has changed."""
        if self._stale:
            self._capacities.count(worker for worker in self if worker.usable(now))
            self._stale = False

    def capacity(self, kind: str | None) -> Capacity:
        """Return what the workers of a kind come to, by the last `count`; None: all."""
        return self._capacities.of(kind)

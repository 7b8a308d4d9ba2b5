"""The pool: all workers, in groups of those that are alike; who is freest in each, and what they add up to.

A worker is altered only as `Pool.change` hands it out. That takes it out of its group, and it is put in again,
altered, before the groups are next read: no caller can forget to.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.pool_worker import Alike, PoolState, PoolWorker
from seedcast.services.master.scheduling.tuning import Tuning

Entry = tuple[float, int, PoolWorker]
"""Load, order, worker."""


@dataclass
class Totals:
    """What workers add up to."""

    workers: int = 0
    slots: int = 0
    idle_slots: int = 0
    speed: float = 0.0
    """Slots' worth of the median worker."""

    @property
    def slowness(self) -> float:
        """Relative slowness of these workers, the mean over their slots."""
        return self.slots / max(self.speed, 1e-9)

    def add(self, other: Totals, times: int = 1) -> None:
        """Add others so many times; -1 takes them away."""
        self.workers += times * other.workers
        self.slots += times * other.slots
        self.idle_slots += times * other.idle_slots
        self.speed += times * other.speed


@dataclass
class Group:
    """Usable workers that are alike."""

    totals: Totals = field(default_factory=Totals)
    free: list[Entry] = field(default_factory=list)
    """Those with room, the freest first."""


class Pool:
    """The workers that are up, and those that are away with what is known of them."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._now = 0.0
        self._workers: dict[str, PoolWorker] = {}
        self._groups: dict[Alike, Group] = {}
        """None is empty."""
        self._counted: dict[PoolWorker, tuple[Alike, Totals, Entry | None]] = {}
        """Workers in groups, each as it is in the group's sums and order."""
        self._sums: dict[tuple[str | None, str | None], Totals] = {}
        """Of several groups, by what a job asks for, as long as no worker is changed."""
        self._changed: dict[PoolWorker, None] = {}
        """Handed out since the groups were last read."""
        self._resting: dict[PoolWorker, None] = {}

    def __iter__(self) -> Iterator[PoolWorker]:
        return iter(self._workers.values())

    def look(self, name: str) -> PoolWorker | None:
        """Return a worker to be looked at only, or None where it is not known."""
        return self._workers.get(name)

    def change(self, name: str) -> PoolWorker | None:
        """Return a worker to be altered before the groups are next read, or None where it is not known."""
        if worker := self._workers.get(name):
            self._take_out(worker)
        return worker

    def enter(self, name: str, order: int) -> PoolWorker:
        """Return a worker to be altered, a new one where it is not known."""
        worker = self._workers.setdefault(name, PoolWorker(name, order, self._tuning))
        self._take_out(worker)
        return worker

    def change_all(self) -> Collection[PoolWorker]:
        """Return all workers to be altered; the sums begin anew, which sheds their rounding errors."""
        for worker in self:
            self._take_out(worker)
        return self._workers.values()

    def forget(self, name: str) -> None:
        """Forget a worker that holds nothing."""
        worker = self._workers.pop(name)
        self._take_out(worker)
        del self._changed[worker]

    def tick(self, now: float) -> None:
        """It is ``now``: take those back whose rest is over."""
        self._now = now
        for worker in [worker for worker in self._resting if worker.rest_until <= now]:
            self._take_out(worker)

    @property
    def groups(self) -> Mapping[Alike, Group]:
        """The groups as they are now, to be looked at only."""
        if self._changed:
            changed, self._changed = self._changed, {}
            for worker in changed:
                self._put_in(worker)
        return self._groups

    def totals(self, job: Job) -> Totals:
        """Return what the usable workers that a job may have add up to."""
        groups, asked = self.groups, (job.spec.kind, job.spec.needs)
        if asked not in self._sums:
            self._sums[asked] = totals = Totals()
            for alike, group in groups.items():
                if job.takes(*alike):
                    totals.add(group.totals)
        return self._sums[asked]

    def _take_out(self, worker: PoolWorker) -> None:
        self._changed[worker] = None
        self._resting.pop(worker, None)
        self._sums.clear()
        if counted := self._counted.pop(worker, None):
            alike, part, entry = counted
            group = self._groups[alike]
            group.totals.add(part, -1)
            if entry:
                del group.free[bisect_left(group.free, entry)]
            if not group.totals.workers:
                del self._groups[alike]

    def _put_in(self, worker: PoolWorker) -> None:
        state = worker.state(self._now)
        if state is PoolState.RESTING:
            self._resting[worker] = None
        if state is not PoolState.USABLE:
            return
        group = self._groups.setdefault(worker.alike, Group())
        part = Totals(1, worker.slots, worker.idle_slots, worker.speed)
        group.totals.add(part)
        entry = (worker.load, worker.order, worker) if worker.taken < worker.allowance else None
        if entry:
            insort(group.free, entry)
        self._counted[worker] = worker.alike, part, entry

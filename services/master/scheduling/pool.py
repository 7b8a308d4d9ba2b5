"""The pool: all workers, who of them is freest, and what they add up to.

A worker is altered only as `Pool.change` hands it out. Sums and order are brought up to date before they are next
read, so no caller can forget to.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass

from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.tuning import Tuning

Entry = tuple[float, int, PoolWorker]
"""Load, order, worker."""

Ask = tuple[str | None, str | None]
"""Of which kind a worker has to be, and which objective it has to offer; None: any, none."""

FEWEST_TO_THIN = 64
"""A heap shorter than this is not worth thinning."""


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

    def change(self, workers: int, slots: int, idle_slots: int, speed: float) -> None:
        """Add so much to each sum."""
        self.workers += workers
        self.slots += slots
        self.idle_slots += idle_slots
        self.speed = self.speed + speed if self.workers else 0.0


@dataclass
class _Counted:
    """As what a worker is in sums, and in which."""

    kind: str
    offers: frozenset[str]
    under: list[Totals]
    slots: int = 0
    idle_slots: int = 0
    speed: float = 0.0

    def bring_up_to_date(self, worker: PoolWorker, workers: int = 0) -> None:
        """Add to the sums what has changed of a worker; ``workers``: 1 for a new one."""
        slots, idle_slots, speed = worker.slots, worker.idle_slots, worker.speed
        for totals in self.under:
            totals.change(workers, slots - self.slots, idle_slots - self.idle_slots, speed - self.speed)
        self.slots, self.idle_slots, self.speed = slots, idle_slots, speed

    def take_away(self) -> None:
        """Take the worker out of the sums."""
        for totals in self.under:
            totals.change(-1, -self.slots, -self.idle_slots, -self.speed)


class Pool:
    """The workers that are up, and those that are away with what is known of them."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._now = 0.0
        self._workers: dict[str, PoolWorker] = {}
        self._changed: dict[PoolWorker, None] = {}
        """Handed out since the last `_refresh`."""
        self._needs: frozenset[str] = frozenset()
        """Objectives that jobs need: for each there are totals of the workers that offer it."""
        self._totals: dict[Ask, Totals] = {}
        """Of the usable workers, by what a job may ask of them."""
        self._counted: dict[PoolWorker, _Counted] = {}
        """The usable workers, as they are in ``_totals``."""
        self._heaps: dict[str, list[Entry]] = {}
        """Workers with room by kind; an entry counts if it is the worker's in ``_entries``. None is empty."""
        self._entries: dict[PoolWorker, tuple[str, Entry]] = {}
        self._rests: dict[PoolWorker, float] = {}
        """Those set aside, until when."""

    def __iter__(self) -> Iterator[PoolWorker]:
        return iter(self._workers.values())

    def look(self, name: str) -> PoolWorker | None:
        """Return a worker to be looked at only, or None where it is not known."""
        return self._workers.get(name)

    def change(self, name: str) -> PoolWorker | None:
        """Return a worker to be altered before the pool is next asked for sums or for who is free."""
        if worker := self._workers.get(name):
            self._changed[worker] = None
        return worker

    def enter(self, name: str, order: int) -> PoolWorker:
        """Return a worker to be altered, a new one where it is not known."""
        worker = self._workers.setdefault(name, PoolWorker(name, order, self._tuning))
        self._changed[worker] = None
        return worker

    def change_all(self) -> Collection[PoolWorker]:
        """Return all workers to be altered; sums are added up anew, which also sheds their rounding errors."""
        self._changed = dict.fromkeys(self)
        self._counted.clear()
        self._totals = {}
        return self._changed.keys()

    def forget(self, name: str) -> None:
        """Forget a worker that holds nothing."""
        worker = self._workers.pop(name)
        worker.slots = 0
        self._changed[worker] = None

    def tick(self, now: float) -> None:
        """It is ``now``: take those back whose rest is over."""
        self._now = now
        for worker in [worker for worker, until in self._rests.items() if until <= now]:
            self._changed[worker] = None

    def note_needs(self, needs: Set[str]) -> None:
        """Count the workers that offer what jobs need."""
        if needs != self._needs:
            self._needs = frozenset(needs)
            self.change_all()

    def totals(self, kind: str | None, needs: str | None = None) -> Totals:
        """Return what the usable workers of a kind that offer what is needed add up to; None: all."""
        self._refresh()
        return self._totals.get((kind, needs)) or Totals()

    @property
    def free_kinds(self) -> set[str]:
        """The kinds that there are free workers of."""
        self._refresh()
        return set(self._heaps)

    def take_freest(self, kinds: Collection[str]) -> PoolWorker | None:
        """Return the freest worker of these kinds to be altered, and offer it no more until it is changed."""
        self._refresh()
        firsts = [first for kind in kinds if (first := self._first(kind))]
        if not firsts:
            return None
        worker = min(firsts, key=lambda entry: entry[:2])[2]
        kind, _ = self._entries.pop(worker)
        heapq.heappop(self._heaps[kind])
        self._first(kind)
        return worker

    def _refresh(self) -> None:
        """Bring sums, order and rests up to date."""
        if self._changed:
            changed, self._changed = self._changed, {}
            for worker in changed:
                self._recount(worker)
                self._reorder(worker)

    def _recount(self, worker: PoolWorker) -> None:
        before, usable = self._counted.get(worker), worker.usable(self._now)
        if before and usable and (worker.kind, worker.offers) == (before.kind, before.offers):
            before.bring_up_to_date(worker)  # as nearly always
            return
        if before:
            del self._counted[worker]
            before.take_away()
        if usable:
            needs = [None, *(self._needs & worker.offers)]
            asks: list[Ask] = [(kind, need) for kind in (None, worker.kind) for need in needs]
            under = [self._totals.setdefault(ask, Totals()) for ask in asks]
            self._counted[worker] = counted = _Counted(worker.kind, worker.offers, under)
            counted.bring_up_to_date(worker, workers=1)

    def _reorder(self, worker: PoolWorker) -> None:
        self._rests.pop(worker, None)
        if worker.slots and self._now < worker.rest_until:
            self._rests[worker] = worker.rest_until
        free = worker.usable(self._now) and worker.taken < worker.allowance
        entry = (worker.kind, (worker.load, worker.order, worker)) if free else None
        if entry == self._entries.get(worker):
            return
        old = self._entries.pop(worker, None)
        if entry is not None:
            self._entries[worker] = entry
            heapq.heappush(self._heaps.setdefault(entry[0], []), entry[1])
        for kind in {held[0] for held in (old, entry) if held}:
            self._thin(kind)

    def _thin(self, kind: str) -> None:
        """Drop the entries of a heap that count no more, once they may be most of it."""
        if len(self._heaps[kind]) > max(FEWEST_TO_THIN, 2 * len(self._workers)):
            heap = [entry for worker_kind, entry in self._entries.values() if worker_kind == kind]
            heapq.heapify(heap)
            self._heaps[kind] = heap
        self._first(kind)

    def _first(self, kind: str) -> Entry | None:
        """Return a kind's first entry that counts, dropping those before it that do not."""
        heap = self._heaps.get(kind, [])
        while heap and self._entries.get(heap[0][2], (None, None))[1] is not heap[0]:
            heapq.heappop(heap)
        if not heap:
            self._heaps.pop(kind, None)
        return heap[0] if heap else None

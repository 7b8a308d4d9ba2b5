"""Who may be sent a unit: the least loaded first, found in logarithmic time among thousands."""

from __future__ import annotations

import heapq
from collections.abc import Collection

from services.master.scheduling.pool_worker import PoolWorker

Entry = tuple[float, int, int, PoolWorker]
"""Load, order, version, worker."""

FEWEST_TO_THIN = 64
"""A heap is thinned once it is twice as long as it was then, and no shorter than this."""


class FreeWorkers:
    """A heap of workers with room for each kind. An entry is out of date once its worker has changed."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[Entry]] = {}
        """By kind; none is empty."""
        self._thin_at: dict[str, int] = {}
        """The length at which a kind's heap is thinned next."""
        self._resting: list[tuple[float, int, PoolWorker]] = []
        self._rests: set[tuple[float, int]] = set()
        """What is in ``_resting``: when, and whose order."""

    @property
    def kinds(self) -> set[str]:
        """The kinds that there may be free workers of."""
        return set(self._heaps)

    def update(self, worker: PoolWorker, now: float) -> None:
        """Take a worker's change into account: of its units, its slots, its kind, or its standing."""
        worker.version += 1
        if worker.slots and now < worker.rest_until:
            rest = (worker.rest_until, worker.order)
            if rest not in self._rests:
                self._rests.add(rest)
                heapq.heappush(self._resting, (*rest, worker))
        elif worker.usable(now) and worker.taken < worker.capacity:
            entry = (worker.load, worker.order, worker.version, worker)
            heapq.heappush(self._heaps.setdefault(worker.kind, []), entry)
            if len(self._heaps[worker.kind]) >= self._thin_at.get(worker.kind, FEWEST_TO_THIN):
                self._thin(worker.kind)

    def _thin(self, kind: str) -> None:
        """Drop a heap's entries that are out of date: there is at most one other for each worker."""
        heap = [entry for entry in self._heaps[kind] if entry[2] == entry[3].version]
        heapq.heapify(heap)
        self._heaps[kind] = heap
        self._thin_at[kind] = max(FEWEST_TO_THIN, 2 * len(heap))

    def wake(self, now: float) -> bool:
        """Take those back whose rest is over; return whether there were any."""
        woken = False
        while self._resting and self._resting[0][0] <= now:
            until, order, worker = heapq.heappop(self._resting)
            self._rests.discard((until, order))
            self.update(worker, now)
            woken = True
        return woken

    def pop(self, kinds: Collection[str]) -> PoolWorker | None:
        """Return the freest worker of these kinds and forget it until its next `update`."""
        firsts = [first for kind in kinds if (first := self._first(kind))]
        if not firsts:
            return None
        worker = min(firsts)[3]
        heapq.heappop(self._heaps[worker.kind])
        return worker

    def _first(self, kind: str) -> Entry | None:
        """Return a kind's first entry that is up to date, dropping those before it that are not."""
        heap = self._heaps.get(kind, [])
        while heap and heap[0][2] != heap[0][3].version:
            heapq.heappop(heap)
        if not heap:
            self._heaps.pop(kind, None)
            self._thin_at.pop(kind, None)
        return heap[0] if heap else None

"""Who may be sent a unit: the least loaded first, found in logarithmic time among thousands."""

from __future__ import annotations

import heapq

from services.master.dispatch.standing import WorkerEntry


class FreeWorkers:
    """A heap of workers with room. An entry is out of date once its worker has changed; `pop` skips those."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int, WorkerEntry]] = []
        self._resting: list[tuple[float, int, WorkerEntry]] = []

    def update(self, worker: WorkerEntry, now: float) -> None:
        """Take a worker's change into account: of its units, its slots, or its standing."""
        worker.version += 1
        if worker.slots and now < worker.rest_until:
            heapq.heappush(self._resting, (worker.rest_until, worker.order, worker))
        elif worker.usable(now) and len(worker.flights) < worker.capacity:
            heapq.heappush(self._heap, (worker.load, worker.order, worker.version, worker))

    def wake(self, now: float) -> bool:
        """Take those back whose rest is over; return whether there were any."""
        woken = False
        while self._resting and self._resting[0][0] <= now:
            self.update(heapq.heappop(self._resting)[2], now)
            woken = True
        return woken

    def pop(self) -> WorkerEntry | None:
        """Return the freest worker and forget it until its next `update`."""
        while self._heap:
            _, _, version, worker = heapq.heappop(self._heap)
            if version == worker.version:
                return worker
        return None

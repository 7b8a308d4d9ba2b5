"""For how many of its worker's slots a unit is to be, so that the master can feed all slots. Arithmetic only.

A unit of several slots spares the master requests, but its slots wait for the slowest of them, unless something is
in the worker's queue for them.
"""

from __future__ import annotations

from services.master.scheduling.capacity import Capacity
from services.master.scheduling.pool_worker import PoolWorker

MOST_SHARE = 0.6
"""So much of its time a master may spend on requests, before units take several slots whatever that costs."""

EASY_SHARE = 0.3
"""So much of it is enough where the queue covers for the slots that are done first:"""

COVERED_SHARE = 0.5
"""it does so for units as wide as this share of its places."""

START_SHARE = 0.1
"""Slots that are idle at once, as when a generation begins, get something within this share of a unit's time."""


def width(unit_seconds: float, worker: PoolWorker, capacity: Capacity, request_seconds: float) -> int:
    """Return for how many slots a unit is to be that takes so long.

    ``capacity`` is that of all workers its job may use; ``request_seconds`` is what a request costs the master.
    """
    share = request_seconds / max(unit_seconds, 1e-6)
    """Of the master's time, that one slot takes which is fed by itself."""
    wanted = max(
        share * capacity.slots / MOST_SHARE,
        share * capacity.idle / START_SHARE,
        min(share * capacity.slots / EASY_SHARE, COVERED_SHARE * worker.places),
    )
    return max(1, min(int(wanted), worker.slots, worker.room))

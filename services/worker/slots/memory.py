"""How much memory a process takes, and how it gives back what it does not need."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

GIVE_BACK_SECONDS = 1.0
"""Between two times that freed memory is given back; a slot that is idle by then keeps it until its next unit."""

GIVE_BACK_SHARE = 0.02
"""Of a slot's time for that, at most: the more has been freed piece by piece, the longer it takes."""


def resident_bytes(pid: int) -> int:
    """Return the resident set of a process, or 0 where that is not to be had (ended, or not Linux)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class FreedMemory:
    """What this process has freed, and the allocator keeps (glibc).

    Every pool of environments comes and goes with a thread and an arena of its own; if none of it were given back,
    a slot that runs MuJoCo would grow by some 12 KiB for each rollout, for ever.
    """

    def __init__(
        self, trim: Callable[[], object] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._trim = trim or _allocators_own()
        self._clock = clock
        self._due = clock() + GIVE_BACK_SECONDS

    def give_back(self) -> None:
        """Return it to the system, if the last time was a while ago: to get it again costs short units 7%."""
        now = self._clock()
        if self._trim is not None and now >= self._due:
            self._trim()
            after = self._clock()
            self._due = after + max(GIVE_BACK_SECONDS, (after - now) / GIVE_BACK_SHARE)


def _allocators_own() -> Callable[[], object] | None:
    """Return what gives back all that glibc keeps; None with another allocator."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return partial(trim, 0) if trim is not None else None

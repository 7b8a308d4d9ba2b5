"""How much memory a process takes, and how it gives back what it does not need."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

GIVE_BACK_SECONDS = 1.0
"""Between two times that freed memory is given back; a slot that is idle by then keeps it until its next unit."""


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

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
        self._trimmed = time.monotonic()

    def give_back(self) -> None:
        """Return it to the system, if the last time was a while ago: to get it again costs short units 7%."""
        now = time.monotonic()
        if self._trim is not None and now >= self._trimmed + GIVE_BACK_SECONDS:
            self._trim(0)
            self._trimmed = now

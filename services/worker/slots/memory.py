"""How much memory a process takes, and how it gives back what it does not need."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path


def resident_bytes(pid: int) -> int:
    """Return the resident set of a process, or 0 where that is not to be had (ended, or not Linux)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def give_back() -> None:
    """Return freed memory to the system (glibc).

    Every pool of environments comes and goes with a thread and an arena of its own; without this, a slot that
    runs MuJoCo grows by some 12 KiB for each rollout, for ever.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)

"""What a process asks of the kernel for itself. All but Linux ignores it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(parent: int) -> None:
    """Be killed when the parent dies, whose process id is given: at once, if it has died before this."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every process below this one that loses its own."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def be_called(name: str) -> None:
    """Give this process a name, of 15 letters at most, for `ps` and `top`."""
    with suppress(OSError):  # there is no such file, or it is not to be written
        Path("/proc/self/comm").write_text(name)


def threads() -> int:
    """Return how many threads this process has, whoever has started them; 1 where that is not to be had."""
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return 1


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)

"""Who gets a core when more want one than there are."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

AUTOGROUPS = Path("/proc/sys/kernel/sched_autogroup_enabled")
NICENESS = 5
"""A third of the weight of a master's threads: beside two slots on two cores, it answers in half the time."""


def give_way(process: int) -> None:
    """Have a slot that is ready leave the cores to whoever of its session wants one: a master, and its worker.

    Only where Linux shares out the cores by sessions (autogroups): there a niceness counts among a session's own,
    and all of them together get as much as without. Elsewhere it would count among all that the machine does.
    """
    with suppress(OSError):
        if AUTOGROUPS.read_text().strip() == "1":
            os.setpriority(os.PRIO_PROCESS, process, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)

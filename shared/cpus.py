"""How many CPUs this process may use: fewer than the machine has, in a container."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""cgroup v2: "quota period" in microseconds, or "max period"."""


def usable_cpus() -> int:
    """Return the CPUs that affinity and cgroup allow, at least one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CGROUP_LIMIT.read_text().split()
        return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return max(1, allowed)

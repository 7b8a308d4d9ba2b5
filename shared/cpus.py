"""How many CPUs this process may use: fewer than the machine has, in a container."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Version 2 has ``cpu.max`` here, version 1 a folder for each controller."""


def usable_cpus() -> int:
    """Return the CPUs that affinity and cgroup allow, at least one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for limit in (_version_2, _version_1):
        try:
            quota, period = limit()
            if quota > 0:  # version 1 says -1 where there is none
                return max(1, min(allowed, math.ceil(quota / period)))
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return max(1, allowed)


def _version_2() -> tuple[int, int]:
    """Return (quota, period) in µs from "150000 100000"; "max 100000" is a ValueError."""
    quota, period = (CGROUPS / "cpu.max").read_text().split()
    return int(quota), int(period)


def _version_1() -> tuple[int, int]:
    """Return (quota, period) in µs; the quota is -1 where there is none."""
    folder = CGROUPS / "cpu"
    return int((folder / "cpu.cfs_quota_us").read_text()), int((folder / "cpu.cfs_period_us").read_text())

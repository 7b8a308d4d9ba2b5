"""How soon a process gets the processor that others keep busy.

A server computes little and often: it waits for a message, answers, and waits again. Beside busy slots each such
wait ends with another one, for the turn of whoever computes. Linux (6.12 and later) gives a thread that asks for
short turns the processor at once when it wakes, for as much of it in all as before
(https://docs.kernel.org/scheduler/sched-eevdf.html). What a thread asks for its children have, too.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

SHORT_SECONDS = 0.0001
"""The shortest that Linux gives."""

_SYSTEM_CALL = {"x86_64": 314, "aarch64": 274}
"""sched_setattr, which neither Python nor most C libraries have."""
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
"""struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period."""


def take_short_turns() -> bool:
    """Have this thread, and those that it starts, take short turns; return whether that is possible here."""
    return _take_turns(SHORT_SECONDS)


def take_usual_turns() -> bool:
    """Take back what a parent asked for; return whether that is possible here."""
    return _take_turns(0.0)


def _take_turns(seconds: float) -> bool:
    number = _SYSTEM_CALL.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return False
    policy, nice = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    if policy not in (os.SCHED_OTHER, os.SCHED_BATCH):
        return False
    wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, policy, 0, nice, 0, round(1e9 * seconds), 0, 0)
    return bool(ctypes.CDLL(None).syscall(number, 0, wanted, 0) == 0)

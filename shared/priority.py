"""How a process leaves the processors to others of its machine that want them.

A nice value alone does not do. Linux may divide the processors among sessions first, each with all that it started
(autogroups: https://man7.org/linux/man-pages/man7/sched.7.html), and compares nice values only within one: a busy
process with a session of its own has as much then as a whole other session, whatever its own value. So its session
gets the value too.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
TRIES, PAUSE_SECONDS = 5, 0.1
"""The kernel takes one such change in a tenth of a second, of all processes without privileges."""


def give_way(niceness: int) -> None:
    """Have this process, and all that it starts from now on, come after others: 19 is the most.

    Where it leads a session of its own, the session comes after other sessions too.
    """
    value = os.nice(niceness)
    if os.getsid(0) == os.getpid():
        _give_way_as_session(value)


def _give_way_as_session(value: int) -> None:
    for _ in range(TRIES):
        try:
            AUTOGROUP.write_text(str(value))
        except BlockingIOError:
            time.sleep(PAUSE_SECONDS)
        except OSError:  # a kernel without autogroups, or a read-only /proc
            return
        else:
            return

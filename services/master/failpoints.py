"""Named places where a test can kill the master or fill its disk: `SEEDCAST_FAILPOINTS`.

::

    SEEDCAST_FAILPOINTS="checkpoint.before_rename=kill@3, artifact.before_write=error@2-9"

`kill` ends the process at once, as a power failure would (SIGKILL). `error` raises what a full disk raises.
Without ``@`` it happens whenever the place is reached, with ``@3`` the third time only, with ``@2-9`` from the
second to the ninth time. Nothing can arm them but that variable; unarmed, a place costs a look at an empty
dictionary.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from seedcast.shared.errors import StartupError

_FILES = tuple(
    f"{kind}.{place}"
    for kind in ("checkpoint", "artifact")
    for place in (
        "before_write",
        "half_written",
        "before_fsync",
        "before_rename",
        "before_directory_fsync",
        "after_directory_fsync",
    )
)

FAILPOINTS = (
    *_FILES,
    "submission.before_commit",
    "submission.after_commit",
    "generation.before_checkpoint",
    "generation.before_transaction",
    "generation.before_commit",
    "generation.after_commit",
    "removal.before",
    "removal.between_files",
    "removal.after",
    "test.before_model",
    "test.before_commit",
    "test.after_commit",
    "test.before_thinning",
    "resume.before_restore",
    "resume.during_replay",
    "resume.before_roll_back",
    "resume.after_roll_back",
    "end.before_status",
    "end.before_commit",
    "end.after_status",
    "derived.before_files",
    "derived.after_files",
    "deletion.before_rows",
    "deletion.before_files",
)
"""Every place there is. A test kills a master at each."""

_ARM = re.compile(r"(?P<name>[\w.]+)=(?P<action>kill|error)(@(?P<first>\d+)(-(?P<last>\d+))?)?")
log = logging.getLogger(__name__)


@dataclass
class _Armed:
    action: str
    first: int
    last: int
    count: Iterator[int] = field(default_factory=lambda: itertools.count(1))


_armed: dict[str, _Armed] = {}
_lock = threading.Lock()


def arm(text: str) -> None:
    """Arm the places that ``text`` names, and no others.

    Raises:
        StartupError: it names a place that does not exist, or cannot be read.
    """
    armed = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        match = _ARM.fullmatch(item)
        if match is None or match["name"] not in FAILPOINTS:
            names = ", ".join(FAILPOINTS)
            raise StartupError(f"SEEDCAST_FAILPOINTS: {item!r} is not NAME=kill or NAME=error; names are {names}")
        first = int(match["first"] or 1)
        last = int(match["last"] or (first if match["first"] else sys.maxsize))
        armed[match["name"]] = _Armed(match["action"], first, last)
    _armed.clear()
    _armed.update(armed)
    if armed:
        log.warning("failpoints are armed: %s", text)


def reach(name: str) -> None:
    """Do what the place ``name`` is armed with, if anything.

    Raises:
        OSError: it is armed with `error`.
    """
    if _armed:
        _reach(name)


def _reach(name: str) -> None:
    if name not in FAILPOINTS:
        raise LookupError(f"{name} is not in the list of failpoints")
    armed = _armed.get(name)
    if armed is None:
        return
    with _lock:
        count = next(armed.count)
    if not armed.first <= count <= armed.last:
        return
    if armed.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} (failpoint {name})")

"""How a unit in the middle of a slot is given up.

A worker and its slot share eight bytes of memory: the number of the request that nobody waits for any more. Both
count the requests, so a notice that comes late for one never hits the next. The slot looks at it between two steps
of the engine: a fresh child costs seconds.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_SIZE = 8


class Cancelled(BaseException):
    """The unit is given up. No `Exception`: nothing that guards against a faulty environment may catch it."""


class Notice:
    """The memory that both sides see, as either of them sees it."""

    def __init__(self, file: int) -> None:
        self._given_up = memoryview(mmap.mmap(file, _SIZE)).cast("Q")
        self._request = 0

    def next_request(self) -> None:
        """Count a request: sent, in the worker; read, in the slot."""
        self._request += 1

    def give_up(self) -> None:
        """Give up the newest request."""
        self._given_up[0] = self._request

    def check(self) -> None:
        """See whether the newest request is given up.

        Raises:
            Cancelled: it is.
        """
        if self._given_up[0] == self._request:
            raise Cancelled


@contextmanager
def shared_file() -> Iterator[int]:
    """Make the file that both sides map: a descriptor to hand to the slot, open until then."""
    if sys.platform == "linux":  # needs no folder that can be written to
        file = os.memfd_create("seedcast-notice")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    try:
        os.ftruncate(file, _SIZE)
        yield file
    finally:
        os.close(file)

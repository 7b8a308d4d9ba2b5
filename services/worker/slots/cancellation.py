"""How a unit in the middle of a slot is given up.

The worker sends the slot a signal, and the engine looks at a flag between two steps: a fresh child costs seconds.
"""

from __future__ import annotations

import signal

SIGNAL = signal.SIGUSR1

_wanted = False


class Cancelled(BaseException):
    """The unit is given up. No `Exception`: nothing that guards against a faulty environment may catch it."""


def install() -> None:
    """Have the signal raise the flag."""
    signal.signal(SIGNAL, lambda *_: _set(True))


def check() -> None:
    """Look at the flag.

    Raises:
        Cancelled: it is up.
    """
    if _wanted:
        raise Cancelled


def clear() -> None:
    """Lower the flag: another unit begins."""
    _set(False)


def _set(wanted: bool) -> None:
    global _wanted
    _wanted = wanted

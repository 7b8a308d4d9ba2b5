"""Why a slot is gone."""

from __future__ import annotations

import signal

from seedcast.shared.protocol import FailureKind


class SlotDied(Exception):
    """The process is gone."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        self.kind = kind
        self.message = message
        super().__init__(message)


def ending(returncode: int) -> str:
    """Say how a process has ended: "exited with code 3", "was killed by SIGSEGV"."""
    if returncode >= 0:
        return f"exited with code {returncode}"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"

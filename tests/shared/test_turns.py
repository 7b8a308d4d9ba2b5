"""Servers take short turns on the processor, what computes the usual ones."""

from __future__ import annotations

import ctypes
import platform
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from seedcast.shared.turns import SHORT_SECONDS
from tests.processes import Server, eventually, submit, wait_for_end
from tests.specs import cartpole_values

SHORT = round(1e9 * SHORT_SECONDS)


def turn(thread: int) -> int:
    """Return a thread's turn in nanoseconds, as the kernel has it; 0: it does not say."""
    number, wanted = {"x86_64": 315, "aarch64": 275}.get(platform.machine()), ctypes.create_string_buffer(48)
    if sys.platform != "linux" or number is None:
        return 0
    if ctypes.CDLL(None).syscall(number, thread, wanted, len(wanted), 0):
        return 0
    return int(struct.unpack("=IIQiIQQQ", wanted.raw)[5])


USUAL = turn(0)
pytestmark = pytest.mark.skipif(not USUAL, reason="this kernel has no turns of a chosen length")


def turns(processes: Iterable[int]) -> set[int]:
    """Return the turns of all threads of processes; those that have just ended have none."""
    return {
        turn(int(thread.name)) for process in processes for thread in Path(f"/proc/{process}/task").glob("*")
    } - {0}


def below(process: int) -> Iterator[int]:
    """Yield the processes that a process has started, and those that they have."""
    for thread in Path(f"/proc/{process}/task").glob("*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in (thread / "children").read_text().split():
                yield int(child)
                yield from below(int(child))


def test_short_turns_are_a_thread_s_and_its_children_s_and_leave_its_priority_alone() -> None:
    script = """
import os, threading
from seedcast.shared.turns import take_short_turns, take_usual_turns
from tests.shared.test_turns import turn
os.nice(3)
found = [take_short_turns(), turn(0)]
thread = threading.Thread(target=lambda: found.append(turn(0)))
thread.start()
thread.join()
found += [take_usual_turns(), turn(0), os.nice(0)]
print(*found)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", str(SHORT), str(SHORT), "True", str(USUAL), "3"]


def test_a_master_takes_short_turns_and_what_writes_its_files_the_usual_ones(cluster: Server) -> None:
    wait_for_end(cluster, submit(cluster, cartpole_values() | {"stop": {"generations": 1}}))
    assert turns([cluster.process.pid]) == {SHORT}
    # A process that has just been started has still what it was started with; idle threads of libraries keep it.
    assert eventually(lambda: {turn(process) for process in below(cluster.process.pid)} == {USUAL})

"""The parent of a slot: outlives whatever happens in it, and leaves nothing of it behind.

::

    worker -- warden -- slot -- what its environments start
                 `----- what those have left without a parent

A process that runs foreign code may die at any instruction, and what it started would live on. So a slot is the
child of a process that runs nothing foreign: it waits. When the slot dies, or the worker (the kernel says so), or
when the worker asks for it, it ends every process below it, those too that have left the slot's group or session:
the kernel makes it the parent of whoever loses his own (Linux). Its exit status is the slot's.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

END = signal.SIGUSR2
"""Tells a warden to end its slot. The kernel sends it too, when the worker dies (Linux)."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_HEEDED = {signal.SIGCHLD, END}
_LEFT_TO_THE_WORKER = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
"""What a terminal or an init system sends to everyone: the worker decides when a slot ends."""


def become_warden() -> None:
    """Go on as the slot, in a child of this process, which becomes its warden and does not return."""
    signal.pthread_sigmask(signal.SIG_SETMASK, _HEEDED | _LEFT_TO_THE_WORKER)
    for heeded in _HEEDED:  # an inherited SIG_IGN would have the kernel drop it
        signal.signal(heeded, signal.SIG_DFL)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, END)
    warden = os.getpid()
    folder = _folder_of_its_own()
    slot = os.fork()
    if slot:
        _watch(slot, folder)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != warden:  # it has died meanwhile
        os._exit(1)
    _take_signals()


def _take_signals() -> None:
    """Have the slot ignore by handlers what it must: a signal that is set to be ignored stays so through exec.

    An environment's subprocess would then survive ``terminate()``, and waiting for it would take for ever.
    """
    for inherited in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python's own to ignore
        if signal.getsignal(inherited) is signal.SIG_IGN:
            signal.signal(inherited, signal.SIG_DFL)
    for left in _LEFT_TO_THE_WORKER:
        signal.signal(left, _do_nothing)
        signal.siginterrupt(left, False)
    os.register_at_fork(before=_hold_signals, after_in_parent=_let_signals, after_in_child=_be_a_process_like_any)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _do_nothing(*_: object) -> None:
    pass


def _hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _LEFT_TO_THE_WORKER)


def _let_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _LEFT_TO_THE_WORKER)


def _be_a_process_like_any() -> None:
    """Give a fork of the slot the signals' usual meanings, before the first can come: handlers survive a fork."""
    for number in _LEFT_TO_THE_WORKER:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    _let_signals()


def _folder_of_its_own() -> Path | None:
    """Go to a new folder, which ends with the slot: some simulators drop a log wherever they are (MuJoCo does)."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="seedcast-slot-"))
    except OSError:  # no folder for temporary files can be written to
        return None
    os.chdir(folder)
    return folder


def _watch(slot: int, folder: Path | None) -> NoReturn:
    _let_go_of_the_channel()
    status: int | None = None
    while status is None:
        status = signal.SIGKILL if signal.sigwait(_HEEDED) == END else _reap().get(slot)
    _end_all(slot)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    _exit_as(status)


def _let_go_of_the_channel() -> None:
    """Leave standard error only, so that the worker sees the channel end with the slot."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX") if sys.platform != "linux" else 1024)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)


def _reap() -> dict[int, int]:
    """Return the statuses of the children that have ended, by process id."""
    ended = dict[int, int]()
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = found[1]
    return ended


def _end_all(slot: int) -> None:
    """Kill and reap every process below this one; a killed one's own children become this one's."""
    if sys.platform != "linux":
        with suppress(ProcessLookupError):
            os.kill(slot, signal.SIGKILL)
        return  # the worker ends the group
    with suppress(ChildProcessError):
        while True:
            for child in _children():
                os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> list[int]:
    """Return the children, dead ones that are not reaped yet included."""
    me = os.getpid()
    try:
        return [int(child) for child in Path(f"/proc/self/task/{me}/children").read_text().split()]
    except OSError:  # a kernel without that file
        return [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if _parent(stat) == me]


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _exit_as(status: int) -> NoReturn:
    """End as the slot has ended, without another core dump."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)

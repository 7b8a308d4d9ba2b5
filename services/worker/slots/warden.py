"""The parent of a slot: outlives whatever happens in it, and leaves nothing of it behind.

::

    warden -- slot -- what its environments start
         `----------- what those have left without a parent

A process that runs foreign code may die at any instruction, and what it started would live on. So a slot is the
child of a process that runs nothing foreign: it waits. When the slot dies, or when the worker lets go of the
`lifeline`, it ends every process below it, those too that have left the slot's group or session: the kernel makes
it the parent of whoever loses his own (Linux). Then it tells the worker how the slot has ended.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from seedcast.services.worker.slots.kernel import adopt_orphans, be_called, die_with_parent
from seedcast.services.worker.slots.lifeline import tell_of_end, tell_of_warden

LEFT_TO_THE_WORKER = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
"""What a terminal or an init system sends to everyone: the worker decides when a slot ends."""


def become_warden(lifeline: int) -> None:
    """Go on as the slot, in a child of this process, which becomes its warden and does not return."""
    os.setpgrp()  # a group, not a session: see cli/local_cluster.py
    signal.pthread_sigmask(signal.SIG_SETMASK, LEFT_TO_THE_WORKER)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # were it ignored, nobody would learn how the slot has ended
    be_called("slot-warden")
    adopt_orphans()
    tell_of_warden(lifeline)
    warden = os.getpid()
    folder = _folder_of_its_own()
    try:
        slot = os.fork()
    except OSError:  # the system has no more processes to give
        traceback.print_exc()
        _leave(os.EX_OSERR << 8, lifeline, folder)
    if slot:
        _leave(_status_at_the_end(slot, lifeline), lifeline, folder)
    os.close(lifeline)
    die_with_parent(warden)
    be_called("slot")
    _take_signals()


def _take_signals() -> None:
    """Have the slot ignore by handlers what it must: a signal that is set to be ignored stays so through exec.

    An environment's subprocess would then survive ``terminate()``, and waiting for it would take for ever.
    """
    for inherited in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python's own to ignore
        if signal.getsignal(inherited) is signal.SIG_IGN:
            signal.signal(inherited, signal.SIG_DFL)
    for left in LEFT_TO_THE_WORKER:
        signal.signal(left, _do_nothing)
        signal.siginterrupt(left, False)
    os.register_at_fork(before=_hold_signals, after_in_parent=_let_signals, after_in_child=_be_a_process_like_any)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _do_nothing(*_: object) -> None:
    pass


def _hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, LEFT_TO_THE_WORKER)


def _let_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, LEFT_TO_THE_WORKER)


def _be_a_process_like_any() -> None:
    """Give a fork of the slot the signals' usual meanings, before the first can come: handlers survive a fork."""
    for number in LEFT_TO_THE_WORKER:
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


def _status_at_the_end(slot: int, lifeline: int) -> int:
    """Wait until the slot ends, or has to; return its status, as `os.wait` does."""
    _keep_only(lifeline)
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _do_nothing)
    events = select.poll()
    events.register(lifeline, select.POLLIN)
    events.register(woken, select.POLLIN)
    while True:
        if (status := _reap().get(slot)) is not None:  # it may have ended before anything told of it
            return status
        if lifeline in dict(events.poll()):
            return signal.SIGKILL
        os.read(woken, 2**12)


def _keep_only(lifeline: int) -> None:
    """Leave this and standard error only, so that the worker sees the channel end with the slot."""
    os.closerange(3, lifeline)
    os.closerange(lifeline + 1, os.sysconf("SC_OPEN_MAX") if sys.platform != "linux" else 1024)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)


def _leave(status: int, lifeline: int, folder: Path | None) -> NoReturn:
    """End what there is below, tell of the slot's end, and go."""
    _end_all()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    tell_of_end(lifeline, status)
    if sys.platform != "linux":
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _reap() -> dict[int, int]:
    """Return the statuses of the children that have ended, by process id."""
    ended = dict[int, int]()
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = found[1]
    return ended


def _end_all() -> None:
    """Kill and reap every process below this one; a killed one's own children become this one's."""
    if sys.platform != "linux":
        return  # nobody says which these are: the group has to do, and this process is of it
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

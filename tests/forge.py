"""Starts masters, workers and commands quickly: one process has imported everything, and each is a fork of it.

A start costs a second of a core otherwise, most of it imports, and the suite has hundreds. What runs is the real
`main`, with its own environment, arguments, folder and output. That each starts from nothing as well is seen by
those tests that start real programs: of `train` and `serve`, of the chaos, of the README.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent
WARM = (
    "seedcast.cli.main",
    "seedcast.services.master.app",
    "seedcast.services.worker.app",
    "seedcast.services.worker.slots.pool",
)
"""What a fork finds imported."""
LONGEST_REQUEST = 2**18


class Forged:
    """A process of the forge's; what it has of `subprocess.Popen` means the same."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended
        """Where the forge says how it has ended."""

    def poll(self) -> int | None:
        """Return its exit code if it has ended."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None and _readable(self._ended, seconds):
            told = os.read(self._ended, 16)
            os.close(self._ended)
            self.returncode = int(told) if told else -signal.SIGKILL  # the forge itself has ended
        return self.returncode


def _readable(handle: int, seconds: float | None) -> bool:
    """Wait until there is something to read, or the end."""
    poll = select.poll()  # `select` knows no handle from 1,024 on
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


class Forge:
    """The warm process, with one PYTHONPATH: what can be imported is what was there then. Ends with its user."""

    def __init__(self, path: str) -> None:
        self._requests, its_own = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its_own:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forge", str(its_own.fileno())],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": path},
                pass_fds=[its_own.fileno()],
            )

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, output: int, errors: int
    ) -> Forged:
        """Start a module, or `module:function`, with arguments."""
        request = {"arguments": list(arguments), "environment": dict(environment), "cwd": str(cwd)}
        ended, telling = os.pipe()
        try:
            socket.send_fds(self._requests, [json.dumps(request).encode()], [output, errors, telling])
        finally:
            os.close(telling)
        return Forged(int(self._requests.recv(16)), ended)

    def close(self) -> None:
        """End it, and all that it has started and that still runs."""
        self._requests.close()
        self._process.wait()


_forges = dict[str, Forge]()


def close() -> None:
    """End this process's forges."""
    while _forges:
        _forges.popitem()[1].close()


def start(arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, output: int, errors: int) -> Forged:
    """Start a module, or `module:function`, with arguments, in a fork of a process with the same PYTHONPATH."""
    path = environment.get("PYTHONPATH", "")
    if path not in _forges:
        _forges[path] = Forge(path)
    return _forges[path].start(arguments, environment, cwd, output, errors)


def run(
    arguments: Sequence[str], environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run something to its end, as `subprocess.run` does with `capture_output`."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start(arguments, environment, Path.cwd(), output.fileno(), errors.fileno())
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, output.read().decode(), errors.read().decode())


def _serve(requests: socket.socket) -> None:
    """Fork for each request, and tell of each end, until nobody can ask any more."""
    inherited = dict(os.environ)
    for module in WARM:
        importlib.import_module(module)
    set_by_imports = dict(os.environ.items() - inherited.items())
    gc.freeze()
    woken, waking = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 2**16)
            _tell_of_ends(running)
        if requests.fileno() in ready:
            request, handles, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 3)
            if not request:
                break
            output, errors, telling = handles
            if not (pid := os.fork()):
                _become(json.loads(request), set_by_imports, output, errors)
            running[pid] = telling
            os.close(output)
            os.close(errors)
            requests.send(str(pid).encode())
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _tell_of_ends(running: dict[int, int]) -> None:
    """Tell of each end, and only then let go of its number: nobody signals another process by mistake."""
    while running and (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
        code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        telling = running.pop(ended.si_pid)
        with suppress(BrokenPipeError):
            os.write(telling, str(code).encode())
        os.close(telling)
        os.waitpid(ended.si_pid, 0)


def _become(request: dict[str, Any], set_by_imports: dict[str, str], output: int, errors: int) -> NoReturn:
    """Go on as what was asked for: a module, or `module:function` as an installed command is."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.closerange(3, 1024)
    os.environ.clear()
    os.environ.update(set_by_imports | request["environment"])
    os.chdir(request["cwd"])
    what, *arguments = request["arguments"]
    module, _, function = what.partition(":")
    sys.argv = [str(Path(sys.executable).with_name("seedcast")) if function else module, *arguments]
    if function:
        raise SystemExit(getattr(importlib.import_module(module), function)())
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    raise SystemExit(0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))

"""A master and workers as processes on this machine, talking HTTP on loopback."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from seedcast.shared.errors import StartupError

START_SECONDS = 60.0
STOP_SECONDS = 8.0
PR_SET_PDEATHSIG = 1


@dataclass
class _Server:
    name: str
    module: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes]


class LocalCluster:
    """Starts the processes, restarts workers that die, stops everything at the end.

    The processes have groups of their own, so that Ctrl-C reaches only the command that started them, and they are
    told to end if that command is killed. They stay in its session: Linux shares out the cores by sessions
    (autogroups), and a master waited for up to a tenth of a second while slots of other sessions were busy.
    """

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._servers: list[_Server] = []
        self.worker_secret = secrets.token_urlsafe(32)
        """Nobody but this master may use these workers: other users of the machine can reach them."""
        self._shared = {"SEEDCAST_WORKER_SECRET": self.worker_secret}

    def start_workers(self, count: int, slots: int = 1) -> list[str]:
        """Start workers of so many slots each and return their URLs."""
        ports = free_ports(count)
        for number, port in enumerate(ports, start=1):
            environment = {"SEEDCAST_WORKER_PORT": str(port), "SEEDCAST_WORKER_SLOTS": str(slots)}
            self._start(f"worker-{number}", "seedcast.services.worker", environment)
        return [f"http://127.0.0.1:{port}" for port in ports]

    def start_master(self, data: Path, port: int, workers: Sequence[str]) -> str:
        """Start a master for these workers and return its URL."""
        environment = {
            "SEEDCAST_DATA": str(data),
            "SEEDCAST_PORT": str(port),
            "SEEDCAST_WORKERS": ",".join(workers),
        }
        self._start("master", "seedcast.services.master", environment)
        return f"http://127.0.0.1:{port}"

    @property
    def master_pid(self) -> int:
        """The master's process id."""
        return next(server.process.pid for server in self._servers if server.name == "master")

    @property
    def worker_pids(self) -> list[int]:
        """The workers' process ids."""
        return [server.process.pid for server in self._servers if server.name != "master"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def supervise(self) -> None:
        """Start dead workers again.

        Raises:
            StartupError: the master has ended.
        """
        for server in self._servers:
            if server.process.poll() is None:
                continue
            if server.name == "master":
                raise StartupError(f"the master ended: {self._last_words(server.name)}")
            server.process = self._spawn(server.name, server.module, server.environment)

    def stop(self) -> None:
        """End every process, politely first."""
        for server in self._servers:
            server.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for server in self._servers:
            try:
                server.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()

    def _start(self, name: str, module: str, environment: dict[str, str]) -> None:
        process = self._spawn(name, module, environment)
        self._servers.append(_Server(name, module, environment, process))

    def _spawn(self, name: str, module: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self._logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module],
                env=os.environ | self._shared | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=_end_with_parent,
            )

    def _last_words(self, name: str) -> str:
        lines = (self._logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _end_with_parent() -> None:
    """Have the kernel send SIGTERM when the parent dies (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens at just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(listener.getsockname()[1]) for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()

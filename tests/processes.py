"""Real masters and workers as processes on loopback, for tests."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from tests.forge import Forged, run, start

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
PLUGINS = ROOT / "tests" / "plugins"
"""Holds environments that misbehave; on the path of every process started here."""
PYTHONPATH = os.pathsep.join([str(ROOT), str(PLUGINS)])
PATIENCE = 120.0
"""Seconds that a test waits for what must happen. Only a failure takes so long; a busy machine takes its time."""
_PORTS: list[socket.socket] = []


def free_port() -> int:
    """Return a port that is free, and stays so until whoever asked for it listens there.

    It is none of those that the system gives to connections, and no other process of the tests is given it.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if sys.platform == "linux":  # a name of the kernel's, which goes with this process
                mine = socket.socket(socket.AF_UNIX)
                mine.bind(f"\0seedcast-tests-port-{port}")
                _PORTS.append(mine)
            return port


def eventually(check: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """Return the first true value of ``check``; fail with its last value after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"still {value!r} after {seconds} s"
        time.sleep(0.05)


class Server:
    """One process that serves HTTP; started and ready once constructed."""

    forked = False
    """Whether those that need nothing of their own are forks of a process that has imported everything, as in the
    test suite. Benchmarks start programs."""

    def __init__(
        self,
        module: str,
        settings: dict[str, str],
        port: int,
        log: Path,
        address: str = "127.0.0.1",
        within: Sequence[str] = (),
        cwd: Path | None = None,
        command: Sequence[str] = (),
    ) -> None:
        """Start it, in the folder ``cwd``; ``within`` is a command that runs it elsewhere, in its own process.

        ``command`` stands in place of the Python module.
        """
        self.port = port
        self.url = f"http://{address}:{port}"
        self.log = log
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)
        environment = os.environ | {"PYTHONPATH": PYTHONPATH} | settings
        self.process: subprocess.Popen[bytes] | Forged
        with log.open("ab") as output:
            if self.forked and not (within or command or "PYTHONPATH" in settings):
                handle = output.fileno()
                self.process = start([module], environment, cwd or Path.cwd(), handle, handle)
            else:
                self.process = subprocess.Popen(
                    [*within, *(command or (sys.executable, "-m", module))],
                    env=environment,
                    stdout=output,
                    stderr=output,
                    cwd=cwd,
                )
        eventually(self._ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.http.get("/readyz").is_success
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = PATIENCE) -> None:
        """End it politely; fail if it does not end in time."""
        self.http.close()  # a worker waits a moment for whoever is connected to ask how it is
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(seconds)


def worker(folder: Path, port: int | None = None, slots: int = 1, **settings: str) -> Server:
    """Start a worker."""
    port = port or free_port()
    values = {"SEEDCAST_WORKER_PORT": str(port), "SEEDCAST_WORKER_SLOTS": str(slots)}
    return Server("seedcast.services.worker", values | settings, port, folder / f"worker-{port}.log")


def master(folder: Path, workers: list[str], **settings: str) -> Server:
    """Start a master on the data folder ``folder / "data"``."""
    port = free_port()
    values = {
        "SEEDCAST_PORT": str(port),
        "SEEDCAST_DATA": str(folder / "data"),
        "SEEDCAST_WORKERS": ",".join(workers),
    }
    return Server("seedcast.services.master", values | settings, port, folder / "master.log")


def refused_start(module: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a server that should not start, to its end."""
    return run([module], os.environ | {"PYTHONPATH": PYTHONPATH} | settings, PATIENCE)


def submit(server: Server, spec: dict[str, Any]) -> str:
    """Start an experiment and return its id."""
    response = server.http.post("/experiments", json=spec)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def wait_for_end(server: Server, experiment_id: str, seconds: float = PATIENCE) -> dict[str, Any]:
    """Wait until an experiment has ended and return it."""

    def ended() -> dict[str, Any] | None:
        experiment: dict[str, Any] = server.http.get(f"/experiments/{experiment_id}").json()
        return experiment if experiment["status"] in ("completed", "stopped", "failed") else None

    return eventually(ended, seconds)


def wait_for_generation(server: Server, experiment_id: str, generation: int, seconds: float = PATIENCE) -> None:
    """Wait until so many generations are committed."""
    eventually(
        lambda: server.http.get(f"/experiments/{experiment_id}").json()["generation"] >= generation, seconds
    )


def wait_for_lines(server: Server, experiment_id: str, name: str, count: int) -> None:
    """Wait until a file of an experiment has so many lines: it is written beside training, some seconds later."""
    path = f"/experiments/{experiment_id}/artifacts/{name}"
    eventually(lambda: len(server.http.get(path).text.splitlines()) == count)


def digests(server: Server, experiment_id: str) -> list[str]:
    """Return the parameters' SHA-256 after each generation."""
    rows, after = list[dict[str, Any]](), -1
    while after is not None:
        page = server.http.get(f"/experiments/{experiment_id}/generations", params={"after": after}).json()
        rows += page["generations"]
        after = page["next_after"]
    assert [row["generation"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["parameters_sha256"] for row in rows]

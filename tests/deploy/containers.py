"""The images as containers: read-only, not root, on a network of their own, with limits.

`CONTAINER` is the command of a container engine that understands docker's command line, `TAG` the images' tag.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.deploy.applications import PORTS
from tests.processes import PATIENCE, eventually, free_port

TAG = os.environ.get("TAG", "dev")
MEMORY_BYTES = 2**30
LOCKED_DOWN = (
    *("--read-only", "--tmpfs", "/tmp"),  # noqa: S108 - the container's own
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--memory", str(MEMORY_BYTES), "--cpus", "1", "--pids-limit", "256"),
)


def engine(*arguments: str, check: bool = True) -> str:
    """Run a command of the container engine and return what it printed.

    Errors that the engine survives, on its standard error, are not part of that.
    """
    command = [*shlex.split(os.environ.get("CONTAINER", "docker")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def skip_without_engine() -> None:
    """Skip where no engine runs or the images are not built; with CONTAINER set, that is a failure."""
    images = [f"seedcast-{role}:{TAG}" for role in PORTS]
    try:
        found = all(engine("image", "inspect", "--format", "{{.Id}}", image) for image in images)
    except (AssertionError, OSError) as error:
        if "CONTAINER" in os.environ:
            raise
        pytest.skip(f"no container engine has {images}: make test-containers ({str(error).splitlines()[0]})")
    assert found


def once(role: str, *command: str, where: Sequence[str] = ("--network", "none")) -> str:
    """Run a command in a locked-down container, where ``where`` has the last word; return what it printed."""
    return engine("run", "--rm", *LOCKED_DOWN, *where, f"seedcast-{role}:{TAG}", *command)


class Network:
    """A bridge network with the containers on it; all are removed at the end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._volumes: list[str] = []
        self._containers: list[Container] = []
        engine("network", "create", name)

    def volume(self, name: str) -> str:
        """Make a volume and return its name."""
        self._volumes.append(f"{self.name}-{name}")
        return engine("volume", "create", self._volumes[-1])

    def start(self, role: str, name: str, *options: str) -> Container:
        """Start a container and wait until it is ready."""
        container = Container(self.name, role, f"{self.name}-{name}")
        self._containers.append(container)
        container.start(*options)
        return container

    def close(self) -> None:
        """Remove everything, also what is gone already."""
        for container in self._containers:
            container.remove()
        for volume in self._volumes:
            engine("volume", "rm", "--force", volume, check=False)
        engine("network", "rm", self.name, check=False)


class Container:
    """A master or a worker."""

    def __init__(self, network: str, role: str, name: str) -> None:
        self.name = name
        self.url = ""
        """Where other containers on the network find it, also when it is gone."""
        self._network, self._role = network, role
        self._port = free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=PATIENCE, trust_env=False)

    def start(self, *options: str) -> None:
        """Start it and wait until it is ready."""
        published = ("--publish", f"127.0.0.1:{self._port}:{PORTS[self._role]}")
        where = ("--detach", "--name", self.name, "--network", self._network)
        open_door = ("--env", "SEEDCAST_ALLOW_ANONYMOUS=true", "--env", "SEEDCAST_WORKER_ALLOW_ANONYMOUS=true")
        engine("run", *where, *published, *LOCKED_DOWN, *open_door, *options, f"seedcast-{self._role}:{TAG}")
        eventually(self._ready)
        address = self.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
        self.url = f"http://{address}:{PORTS[self._role]}"

    def inspect(self, template: str) -> str:
        """Ask the engine about it."""
        return engine("inspect", "--format", template, self.name)

    def kill(self) -> None:
        """End it as a power failure would."""
        engine("kill", self.name)

    def stop(self, seconds: int) -> int:
        """Send SIGTERM, and after so many seconds SIGKILL; return the exit code."""
        engine("stop", "--time", str(seconds), self.name)
        return int(self.inspect("{{.State.ExitCode}}"))

    def remove(self) -> None:
        """Kill it, and leave only volumes that have a name."""
        self.http.close()
        engine("rm", "--force", "--volumes", self.name, check=False)

    def get(self, path: str) -> Any:
        """Return the JSON that a path answers."""
        return self.http.get(path).raise_for_status().json()

    def submit(self, spec: dict[str, Any]) -> str:
        """Start an experiment and return its id."""
        response = self.http.post("/experiments", json=spec)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def wait_for_generation(self, experiment: str, generation: int) -> None:
        """Wait until so many generations are committed."""
        eventually(lambda: self.get(f"/experiments/{experiment}")["generation"] >= generation)

    def wait_for_end(self, experiment: str) -> dict[str, Any]:
        """Wait until an experiment has ended and return it."""

        def ended() -> dict[str, Any] | None:
            shown: dict[str, Any] = self.get(f"/experiments/{experiment}")
            return shown if shown["status"] in ("completed", "stopped", "failed") else None

        return eventually(ended)

    def digests(self, experiment: str) -> list[str]:
        """Return the parameters' SHA-256 after each generation, of which none is missing or double."""
        rows = self.get(f"/experiments/{experiment}/history")["generations"]
        assert [row["generation"] for row in rows] == list(range(1, len(rows) + 1))
        return [row["parameters_sha256"] for row in rows]

    def _ready(self) -> bool:
        assert self.inspect("{{.State.Running}}") == "true", engine("logs", self.name)
        try:
            return self.http.get("/readyz").is_success
        except httpx.HTTPError:
            return False

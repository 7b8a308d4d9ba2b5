"""Pods without Kubernetes: network namespaces on a bridge, each with an address, a resolver, and processes in it.

A namespace lasts as long as a process that only holds it, and the kernel ends that one with the tests, however
they end: nothing is left behind.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.deploy.tools import tool
from tests.processes import Server, eventually

WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
MOST_PODS = 200


def skip_without_namespaces() -> None:
    """Skip where the kernel or the user's rights do not allow namespaces."""
    _, unshare, *_ = [tool(name) for name in ("ip", "unshare", "nsenter", "setpriv")]
    probe = "ip link add name probe type bridge && mount --bind /etc/hosts /etc/hosts"
    done = subprocess.run(
        [unshare, "--net", "--mount", "sh", "-c", probe], capture_output=True, text=True, check=False
    )
    if done.returncode or os.geteuid():
        pytest.skip(f"no network namespaces here: {done.stderr.strip() or 'not root'}")


def command(*arguments: str) -> None:
    """Run a command; fail with what it said."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"


class Pod:
    """A network and mount namespace with one address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._holder = subprocess.Popen([*WITH_PARENT, "unshare", "--net", "--mount", "sleep", "infinity"])
        self.pid = str(self._holder.pid)
        eventually(self._made)
        self.run("ip", "link", "set", "lo", "up")

    def _made(self) -> bool:
        assert self._holder.poll() is None
        return Path(f"/proc/{self.pid}/comm").read_text() == "sleep\n"

    @property
    def within(self) -> tuple[str, ...]:
        """What a command is preceded by to run in here."""
        return (*WITH_PARENT, "nsenter", "--target", self.pid, "--net", "--mount")

    def run(self, *arguments: str) -> None:
        """Run a command in here."""
        command(*self.within, *arguments)

    def serve(self, module: str, port: int, log: Path, **settings: str) -> Server:
        """Start a server in here."""
        return Server(module, settings, port, log, self.address, self.within)

    def close(self) -> None:
        """Let go of the namespaces."""
        self._holder.kill()
        self._holder.wait()


class Network:
    """A bridge, which lives in a namespace of its own, with the tests and the pods on it.

    Addresses are of the range for benchmarks (RFC 2544, 1999, https://www.rfc-editor.org/rfc/rfc2544).
    """

    def __init__(self) -> None:
        self._prefix = f"198.18.{secrets.randbelow(256)}"
        self._device = f"sc{secrets.token_hex(4)}"
        self._count = 0
        self._stack = ExitStack()
        self.address = f"{self._prefix}.254"
        """Of the tests themselves."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._bridge = Pod("")
            stack.callback(self._bridge.close)
            self._bridge.run("ip", "link", "add", "name", "bridge0", "type", "bridge")
            self._bridge.run("ip", "link", "set", "bridge0", "up")
            self._plug("outside", self._device, str(os.getpid()))
            stack.callback(command, "ip", "link", "delete", self._device)
            command("ip", "address", "add", f"{self.address}/24", "dev", self._device)
            command("ip", "link", "set", self._device, "up")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def pod(self, resolver: Path | None = None) -> Pod:
        """Make a pod with the next address; ``resolver`` is its /etc/resolv.conf."""
        self._count += 1
        assert self._count <= MOST_PODS
        pod = Pod(f"{self._prefix}.{self._count}")
        self._stack.callback(pod.close)
        self._plug(f"pod{self._count}", "eth0", pod.pid)
        pod.run("ip", "address", "add", f"{pod.address}/24", "dev", "eth0")
        pod.run("ip", "link", "set", "eth0", "up")
        if resolver is not None:
            pod.run("mount", "--bind", str(resolver), "/etc/resolv.conf")
        return pod

    def _plug(self, socket: str, plug: str, pid: str) -> None:
        """Lay a cable from the bridge to the namespace of a process."""
        ends = (socket, "netns", self._bridge.pid, "type", "veth", "peer", "name", plug, "netns", pid)
        command("ip", "link", "add", "name", *ends)
        self._bridge.run("ip", "link", "set", socket, "master", "bridge0", "up")

"""kubectl for one context and one namespace, and no other."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.deploy.tools import tool

Run = Callable[..., subprocess.CompletedProcess[str]]
"""`subprocess.run`, or what stands for it."""


class Refused(Exception):
    """The program does not touch this cluster; the message says why."""


class Failed(Exception):
    """A command, or what a step expects, failed."""


class Kubectl:
    """Every call names the file, the context and the namespace: none is taken from the reader's settings."""

    def __init__(self, kubeconfig: Path, context: str, namespace: str, run: Run = subprocess.run) -> None:
        self.namespace = namespace
        self._command = [tool("kubectl"), f"--kubeconfig={kubeconfig}", f"--context={context}"]
        self._run = run

    def __call__(self, *arguments: str, stdin: str | None = None, seconds: float = 300) -> str:
        """Run a command in the namespace and return what it printed.

        Raises:
            Failed: it failed, or did not end in time.
        """
        try:
            done = self._run(
                [*self._command, f"--namespace={self.namespace}", *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"kubectl {' '.join(arguments)}: no end after {seconds:g} s") from error
        if done.returncode:
            raise Failed(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return str(done.stdout)

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """Return the resources of a kind in the namespace (nodes: in the cluster)."""
        found: list[dict[str, Any]] = json.loads(self("get", kind, "--output=json", *arguments))["items"]
        return found

    @contextmanager
    def forwarded(self) -> Iterator[str]:
        """Forward a free port of this machine to the master; yield its URL.

        Raises:
            Failed: kubectl ended before it forwarded anything.
        """
        process = subprocess.Popen(
            [
                *self._command,
                f"--namespace={self.namespace}",
                "port-forward",
                "service/seedcast-master",
                ":8000",
                "--address=127.0.0.1",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not (found := re.search(r"127\.0\.0\.1:(\d+)", line)):
                raise Failed(f"kubectl port-forward: {line.strip()}")
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.kill()
            process.wait()


def checked(kubeconfig: Path, context: str, namespace: str, run: Run = subprocess.run) -> Kubectl:
    """Return kubectl for a context that was named, and a namespace that does not exist.

    Raises:
        Refused: no context was named, the file has no such one, or the namespace is somebody's.
        Failed: the cluster does not answer.
    """
    if not context:
        raise Refused("no context was named: say CONTEXT=…; the current one is never taken")
    if not kubeconfig.is_file():
        raise Refused(f"{kubeconfig} is not a file: say KUBECONFIG=…")
    kubectl = Kubectl(kubeconfig, context, namespace, run)
    names = kubectl("config", "get-contexts", "--output=name", seconds=30).split()
    if context not in names:
        raise Refused(f"{kubeconfig} has no context {context!r}, but {', '.join(names) or 'none'}")
    there = kubectl("get", "namespace", namespace, "--ignore-not-found", "--output=name", seconds=60)
    if there.strip():
        raise Refused(f"the namespace {namespace} exists: it is somebody else's")
    return kubectl

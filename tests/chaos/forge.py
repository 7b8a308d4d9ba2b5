"""Makes masters quickly: one process has imported everything, and every master is a fork of it.

It reads a line of JSON settings, forks, runs the real master's `main` in the child with these settings in its
environment, and answers the child's process id; when the child has ended, it answers how.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.processes import PLUGINS, ROOT


class Forge:
    """A warm process. One master at a time."""

    def __init__(self, log: Path) -> None:
        self._log = log
        path = os.pathsep.join([str(ROOT), str(PLUGINS)])
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.forge"],
                env=os.environ | {"PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):
            self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(30)

    def start(self, **settings: str) -> int:
        """Start a master and return its process id."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the answer says why
            self._process.stdin.write(json.dumps(settings) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def end(self) -> int:
        """Wait for the master's end and return its exit code, negative for a signal."""
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        assert answer, f"the forge has ended: {self._log.read_text()[-2000:]}"
        return int(answer)


def _run() -> None:
    from seedcast.services.master.__main__ import main
    from seedcast.shared.server import run_main

    for line in sys.stdin:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.environ.update(json.loads(line))
            os.dup2(2, 1)
            run_main(main, "seedcast-master")
        _say(child)
        _say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _run()

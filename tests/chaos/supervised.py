"""Processes that come back when they die, as pods do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.processes import PATIENCE, ROOT

LOOK_SECONDS = 0.05


class Supervised:
    """One server process, started again at once whenever it ends, until `stop`."""

    def __init__(self, module: str, settings: dict[str, str], log: Path, url: str) -> None:
        self.url = url
        self._module = module
        self._settings = settings
        self._log = log
        self._process = self._spawn()
        self._watch = asyncio.create_task(self._look())
        self.deaths = 0

    def kill(self) -> None:
        """End it as a power failure would."""
        self._process.send_signal(signal.SIGKILL)

    async def pause(self, seconds: float) -> None:
        """Stop it for a while, as a machine that swaps does."""
        process = self._process
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End it for good, politely first."""
        self._watch.cancel()
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._process.poll() is not None:
                self.deaths += 1
                self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", self._module],
                env=os.environ | {"PYTHONPATH": str(ROOT)} | self._settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

"""The master's end of the process that writes derived files."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from seedcast.shared.errors import StorageFailed

ANSWER_SECONDS = 120.0
"""A request that takes longer is given up, with its process."""

LEAVE_SECONDS = 2.0


class WriterProcess:
    """Started at the first request, and again after whatever ended it. One request at a time."""

    def __init__(self, database: Path, niceness: int = 0) -> None:
        self._database = database
        self._niceness = niceness
        self._process: Process | None = None

    async def write(self, experiment_id: str, folder: Path, names: Collection[str], *, exact: bool) -> None:
        """Have files of an experiment written; ``exact`` writes them anew, whatever somebody did to them.

        Raises:
            StorageFailed: they could not be; it may be tried again.
        """
        request = {
            "experiment": experiment_id,
            "folder": str(folder),
            "files": sorted(names),
            "exact": exact,
        }
        try:
            failed = await self._ask(json.dumps(request).encode() + b"\n")
        except BaseException:
            await self.close()  # its next answer would be that of this request
            raise
        if failed:
            await self.close()  # limits of a process, such as on the size of files, are those it was started with
            raise StorageFailed(failed)

    async def _ask(self, request: bytes) -> str | None:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await self._start()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                process.stdin.write(request)
                await process.stdin.drain()
                answer = await process.stdout.readline()
            failed: str | None = json.loads(answer)["failed"]
        except (OSError, ValueError, TimeoutError) as error:
            raise StorageFailed(f"the process that writes files: {type(error).__name__} {error}") from error
        return failed

    async def _start(self) -> Process:
        environment = {name: value for name, value in os.environ.items() if name != "SEEDCAST_FAILPOINTS"}
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "seedcast.services.master.derived",
            str(self._database.resolve()),
            str(self._niceness),
        ]
        try:
            return await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, env=environment, preexec_fn=os.setpgrp
            )
        except OSError as error:
            raise StorageFailed(f"the process that writes files cannot be started: {error.strerror}") from error

    async def close(self) -> None:
        """Let it finish, or end it."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

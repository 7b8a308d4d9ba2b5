"""A line of experiments whose files of one kind are behind the database, and the process that writes them.

An experiment that has changed is noted; all that changes until its turn comes is one round. Whoever asks for a
file goes first. Files that take long, the plots, take only a share of the time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from seedcast.services.master.derived.files import LOG
from seedcast.services.master.derived.process import WriterProcess
from seedcast.services.master.failpoints import reach
from seedcast.shared.errors import StorageFailed

FRESH_SECONDS = 0.25
"""A running experiment's log that is no older is not written again for whoever asks."""
RETRY_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """A kind of files, and when they are written unless somebody asks for them."""

    files: frozenset[str]
    every_seconds: float
    """How soon after they were written last, while an experiment trains."""
    first_at_once: bool
    """Or only so long after it began: when a master goes on with a hundred experiments, training comes first."""
    running_share: float = 1.0
    """Of the time that those of experiments that run may take,"""
    ended_share: float = 1.0
    """and those of experiments that have ended."""


@dataclass
class _Files:
    """How an experiment's files of a kind stand."""

    written_at: float
    behind: set[str] = field(default_factory=set)
    """The names of those that do not say all that the database says."""
    ended: bool = False
    not_before: float = 0.0


@dataclass(frozen=True)
class _Work:
    """What is being written."""

    experiment_id: str
    names: Collection[str]
    task: asyncio.Task[None]


class Lane:
    """Has files of one kind written, one experiment after the other.

    ``folder`` gives an experiment's folder; ``written`` is awaited each time an experiment's files have been.
    """

    def __init__(
        self,
        kind: Kind,
        writer: WriterProcess,
        folder: Callable[[str], Path],
        written: Callable[[str], Awaitable[None]],
    ) -> None:
        self._kind = kind
        self._writer = writer
        self._folder = folder
        self._written = written
        self._files: dict[str, _Files] = {}
        self._asked: dict[str, list[asyncio.Future[None]]] = {}
        """Who waits for an experiment's files, the first one to ask first."""
        self._work: _Work | None = None
        self._wake = asyncio.Event()
        self._not_before = 0.0
        """When something that nobody asked for may be written again."""
        self._trouble = ""

    def note(self, experiment_id: str, names: Collection[str], *, ended: bool | None = None) -> None:
        """Note that files are behind, those that are of this kind, and whether the experiment has ended."""
        files = self._files.get(experiment_id)
        if files is None:
            at = -self._kind.every_seconds if self._kind.first_at_once else time.monotonic()
            files = self._files[experiment_id] = _Files(at)
        news = ended not in (None, files.ended)
        if ended is not None:
            files.ended = ended
        if (mine := self._kind.files.intersection(names)) and not files.behind:
            news = True
        files.behind |= mine
        if news:  # else it is due when it was due before
            self._wake.set()

    def is_behind(self, experiment_id: str) -> bool:
        """Return whether something is still to be written of an experiment, or is being written."""
        at_work = self._work is not None and self._work.experiment_id == experiment_id
        return at_work or bool((files := self._files.get(experiment_id)) and files.behind)

    async def fresh(self, experiment_id: str, name: str) -> None:
        """Wait until a file says what the database says now."""
        files, work = self._files.get(experiment_id), self._work
        if files is None:
            return
        if name not in files.behind:
            if work is not None and work.experiment_id == experiment_id and name in work.names:
                await asyncio.wait([work.task])
            return
        if name == LOG and not files.ended and time.monotonic() - files.written_at < FRESH_SECONDS:
            return
        await self.ask(experiment_id)

    def ask(self, experiment_id: str) -> asyncio.Future[None]:
        """Have an experiment's files written next, after those asked for before; done when that was tried."""
        asked = asyncio.get_running_loop().create_future()
        self._asked.setdefault(experiment_id, []).append(asked)
        self._wake.set()
        return asked

    def drop(self, experiment_id: str) -> None:
        """Forget how an experiment's files stand: nothing more is to be written."""
        self._files.pop(experiment_id, None)
        _release(self._asked.pop(experiment_id, ()))

    async def forget(self, experiment_id: str) -> None:
        """Write nothing more of an experiment; return once nothing is being written."""
        self.drop(experiment_id)
        if self._work is not None and self._work.experiment_id == experiment_id:
            await asyncio.wait([self._work.task])

    async def run(self) -> None:
        """Write until cancelled."""
        try:
            while True:
                self._wake.clear()
                chosen, pause = self._next(time.monotonic())
                if chosen is None:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), pause)
                else:
                    await self._write(chosen)
        finally:
            await self._writer.close()

    def _next(self, now: float) -> tuple[str | None, float | None]:
        """Return whose files come next; else None, and for how many seconds nothing is due if that is known."""
        for asked in self._asked:
            return asked, None
        behind = ((self._due(files), one) for one, files in self._files.items() if files.behind)
        due, chosen = min(behind, default=(now, None))
        return (chosen, None) if chosen is None or due <= now else (None, due - now)

    def _due(self, files: _Files) -> float:
        pause = 0.0 if files.ended else self._kind.every_seconds
        return max(files.written_at + pause, files.not_before, self._not_before)

    async def _write(self, experiment_id: str) -> None:
        asked = self._asked.pop(experiment_id, [])
        try:
            if (files := self._files.get(experiment_id)) is not None and files.behind:
                # Before it is read: whatever is committed meanwhile makes them fall behind again.
                names, files.behind = files.behind, set()
                task = asyncio.create_task(self._try(experiment_id, files, names))
                self._work = _Work(experiment_id, names, task)
                try:
                    await task
                finally:
                    self._work = None
                if not files.behind and self._files.get(experiment_id) is files:
                    await self._noted(experiment_id, files, names)
        finally:
            _release(asked)

    async def _try(self, experiment_id: str, files: _Files, names: set[str]) -> None:
        begun, ended = time.monotonic(), files.ended
        try:
            reach("derived.before_files")
            await self._writer.write(experiment_id, self._folder(experiment_id), names, exact=ended)
        except Exception as error:  # the files of one experiment must not keep others' from being written
            self._try_later(experiment_id, files, names, error)
            return
        files.written_at = now = time.monotonic()
        share = self._kind.ended_share if ended else self._kind.running_share
        self._not_before = now + (now - begun) * (1 / share - 1)
        self._note_trouble("")

    async def _noted(self, experiment_id: str, files: _Files, names: set[str]) -> None:
        try:
            await self._written(experiment_id)
        except Exception as error:
            self._try_later(experiment_id, files, names, error)

    def _try_later(self, experiment_id: str, files: _Files, names: set[str], error: Exception) -> None:
        files.behind |= names
        files.not_before = time.monotonic() + RETRY_SECONDS
        self._note_trouble(f"{experiment_id}: {error}")
        if not isinstance(error, (StorageFailed, OSError)):
            log.error("the files of %s", experiment_id, exc_info=error)

    def _note_trouble(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("files could not be written, which is tried again: %s", trouble)
        self._trouble = trouble


def _release(asked: Collection[asyncio.Future[None]]) -> None:
    for one in asked:
        if not one.done():
            one.set_result(None)

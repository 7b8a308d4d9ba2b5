"""Keeps the derived files of experiments up to date, beside training and never on its path.

An experiment that has changed is noted; one task has the files written, and all that changed meanwhile is one
round. Text files are at most some seconds old; plots follow, and take a tenth of the time while experiments run.
Whoever downloads a file goes first. After an experiment's end its files are written once more, exact, and that is
noted in the database, so that a master that dies in between does it at its next start.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from seedcast.services.master.derived.files import PLOTS, TEXTS
from seedcast.services.master.derived.process import WriterProcess
from seedcast.services.master.failpoints import reach
from seedcast.shared.errors import StorageFailed

TEXT_SECONDS = 2.0
"""How old text files may get while an experiment trains."""
PLOT_SECONDS = 10.0
"""How soon after its last drawing an experiment is drawn again, unless somebody asks."""
RUNNING_SHARE, ENDED_SHARE = 0.1, 0.5
"""Of the time that plots may take of experiments that run, and of those that have ended."""
FRESH_SECONDS = 0.25
"""A text file of a running experiment that is no older is not written again for whoever asks."""
RETRY_SECONDS = 5.0
ASKED_SECONDS = 10.0
"""How long a download waits for its file to be written; then it gets what there is."""
ENDED_SECONDS = 25.0
"""The same of an experiment that has ended: nobody expects its files to grow, so what is had should be all."""

log = logging.getLogger(__name__)


@dataclass
class _Stale:
    """What of an experiment's files is behind the database."""

    ended: bool = False
    texts: bool = True
    plots: bool = True
    texts_written_at: float = -TEXT_SECONDS
    plots_drawn_at: float = field(default_factory=time.monotonic)
    """As if right now: when a master goes on with a hundred experiments, training comes first."""
    asked: list[asyncio.Future[None]] = field(default_factory=list)
    plots_asked: bool = False
    not_before: float = 0.0


class Refresher:
    """Has files written for all experiments of a data folder, one after the other.

    ``folder`` gives an experiment's folder; ``note_exact`` is called once an ended experiment's files are final.
    """

    def __init__(
        self, database: Path, folder: Callable[[str], Path], note_exact: Callable[[str], Awaitable[None]]
    ) -> None:
        self._writer = WriterProcess(database)
        self._folder = folder
        self._note_exact = note_exact
        self._stale: dict[str, _Stale] = {}
        self._wake = asyncio.Event()
        self._at_work: tuple[str, asyncio.Task[None]] | None = None
        self._plots_not_before = 0.0
        self._trouble = ""

    def changed(self, experiment_id: str) -> None:
        """Note that something was committed."""
        stale = self._stale.setdefault(experiment_id, _Stale())
        stale.texts = stale.plots = True
        self._wake.set()

    def ended(self, experiment_id: str) -> None:
        """Note that nothing more will be committed, unless it is resumed."""
        stale = self._stale.setdefault(experiment_id, _Stale())
        stale.ended = stale.texts = stale.plots = True
        self._wake.set()

    def resumed(self, experiment_id: str) -> None:
        """Note that more will be committed."""
        stale = self._stale.setdefault(experiment_id, _Stale())
        stale.ended = False
        self._wake.set()

    async def fresh(self, experiment_id: str, name: str) -> None:
        """Wait until a derived file says what the database says now, for some seconds at most."""
        stale = self._stale.get(experiment_id)
        at_work = self._at_work is not None and self._at_work[0] == experiment_id
        behind = stale is not None and ((stale.texts and name in TEXTS) or (stale.plots and name in PLOTS))
        if stale is None or not (behind or at_work):
            return
        if not stale.ended and name in TEXTS and time.monotonic() - stale.texts_written_at < FRESH_SECONDS:
            return
        written = asyncio.get_running_loop().create_future()
        stale.plots_asked |= name in PLOTS
        stale.asked.append(written)
        self._wake.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(written, ENDED_SECONDS if stale.ended else ASKED_SECONDS)

    async def finished(self, experiment_id: str) -> None:
        """Wait until an experiment that has ended has all its files, for some seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDED_SECONDS):
                while (stale := self._stale.get(experiment_id)) is not None and stale.ended:
                    written = asyncio.get_running_loop().create_future()
                    stale.plots_asked = True
                    stale.asked.append(written)
                    self._wake.set()
                    await written

    async def forget(self, experiment_id: str) -> None:
        """Write nothing more into a folder that goes; return once nothing is being written there."""
        stale = self._stale.pop(experiment_id, None)
        for written in stale.asked if stale else []:
            if not written.done():
                written.set_result(None)
        if self._at_work is not None and self._at_work[0] == experiment_id:
            await asyncio.wait([self._at_work[1]])

    async def run(self) -> None:
        """Refresh until cancelled."""
        try:
            while True:
                self._wake.clear()
                chosen, pause = self._next(time.monotonic())
                if chosen is None:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), pause)
                    continue
                work = asyncio.create_task(self._refresh(chosen))
                self._at_work = (chosen, work)
                try:
                    await work
                finally:
                    self._at_work = None
        finally:
            await self._writer.close()

    def _next(self, now: float) -> tuple[str | None, float | None]:
        """Return whose files come next; else None, and for how many seconds nothing is due if that is known."""
        asked = [one for one, stale in self._stale.items() if stale.asked]
        if asked:
            return asked[0], None
        if not self._stale:
            return None, None
        due, chosen = min((self._due(stale, now), one) for one, stale in self._stale.items())
        return (chosen, None) if due <= now else (None, due - now)

    def _due(self, stale: _Stale, now: float) -> float:
        texts = plots = now + 3600.0
        if stale.texts:
            texts = stale.texts_written_at + (0.0 if stale.ended else TEXT_SECONDS)
        if stale.plots:
            plots = max(stale.plots_drawn_at + (0.0 if stale.ended else PLOT_SECONDS), self._plots_not_before)
        return max(min(texts, plots), stale.not_before)

    async def _refresh(self, experiment_id: str) -> None:
        stale = self._stale[experiment_id]
        now = time.monotonic()
        asked, stale.asked = stale.asked, []
        ended, texts = stale.ended, stale.texts
        due = max(stale.plots_drawn_at + (0.0 if ended else PLOT_SECONDS), self._plots_not_before) <= now
        first_texts = ended and texts  # of all that have ended; their plots take longer
        plots = stale.plots and (stale.plots_asked or (due and not first_texts))
        stale.plots_asked = False
        # Before it is read: whatever is committed meanwhile makes them stale again.
        stale.texts, stale.plots = False, stale.plots and not plots
        try:
            reach("derived.before_files")
            if texts or plots:
                folder = self._folder(experiment_id)
                await self._writer.write(experiment_id, folder, texts=texts, plots=plots, exact=ended)
            if texts:
                stale.texts_written_at = time.monotonic()
            if plots:
                stale.plots_drawn_at = time.monotonic()
                share = ENDED_SHARE if ended else RUNNING_SHARE
                self._plots_not_before = stale.plots_drawn_at + (stale.plots_drawn_at - now) * (1 / share - 1)
            if ended and stale.ended and not stale.texts and not stale.plots:
                await self._note_exact(experiment_id)
                reach("derived.after_files")
                if self._stale.get(experiment_id) is stale and stale.ended and not (stale.texts or stale.plots):
                    del self._stale[experiment_id]
            self._note_trouble("")
        except Exception as error:  # the files of one experiment must not keep others' from being written
            stale.texts, stale.plots = stale.texts or texts, stale.plots or plots
            stale.not_before = time.monotonic() + RETRY_SECONDS
            self._note_trouble(f"{experiment_id}: {error}")
            if not isinstance(error, (StorageFailed, OSError)):
                log.exception("the files of %s", experiment_id)
        finally:
            for written in asked:
                if not written.done():
                    written.set_result(None)

    def _note_trouble(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("files could not be written, which is tried again: %s", trouble)
        self._trouble = trouble

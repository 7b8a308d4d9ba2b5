"""Keeps the derived files of experiments up to date, beside training and never on its path.

Text files are at most some seconds old, and whoever downloads one goes first; plots follow, in a process of their
own, and take a tenth of the time while experiments run. After an experiment's end its files are written once more,
exact, and that is noted in the database, so that a master that dies in between does it at its next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from pathlib import Path

from seedcast.services.master.derived.files import PLOTS, TEXTS
from seedcast.services.master.derived.lane import Kind, Lane
from seedcast.services.master.derived.process import WriterProcess
from seedcast.services.master.failpoints import reach

TEXT_FILES = Kind(TEXTS, every_seconds=2.0, first_at_once=True)
PLOT_FILES = Kind(PLOTS, every_seconds=10.0, first_at_once=False, running_share=0.1, ended_share=0.5)
PLOT_NICENESS = 5
"""Plots take a second or two of a core, and nobody waits for most of them."""
ASKED_SECONDS = 10.0
"""How long a download waits for its file to be written; then it gets what there is."""
ENDED_SECONDS = 25.0
"""The same of an experiment that has ended: nobody expects its files to grow, so what is had should be all."""


class Refresher:
    """Has files written for all experiments of a data folder, texts and plots each one after the other.

    ``folder`` gives an experiment's folder; ``note_exact`` is called once an ended experiment's files are final.
    """

    def __init__(
        self, database: Path, folder: Callable[[str], Path], note_exact: Callable[[str], Awaitable[None]]
    ) -> None:
        self._lanes = (
            Lane(TEXT_FILES, WriterProcess(database), folder, self._written),
            Lane(PLOT_FILES, WriterProcess(database, PLOT_NICENESS), folder, self._written),
        )
        self._note_exact = note_exact
        self._ended: dict[str, asyncio.Event] = {}
        """Of those that have ended, until their files are final, or they go on, or go."""

    def changed(self, experiment_id: str, names: Collection[str] = TEXTS | PLOTS) -> None:
        """Note that something was committed, and which files it stands in."""
        for lane in self._lanes:
            lane.note(experiment_id, names)

    def ended(self, experiment_id: str) -> None:
        """Note that nothing more will be committed, unless it is resumed."""
        self._ended.setdefault(experiment_id, asyncio.Event())
        for lane in self._lanes:
            lane.note(experiment_id, TEXTS | PLOTS, ended=True)

    def resumed(self, experiment_id: str) -> None:
        """Note that more will be committed; what is in the files by now may be less than the database has."""
        self._let_go(experiment_id)
        for lane in self._lanes:
            lane.note(experiment_id, TEXTS | PLOTS, ended=False)

    async def fresh(self, experiment_id: str, name: str) -> None:
        """Wait until a derived file says what the database says now, for some seconds at most."""
        ended = experiment_id in self._ended
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDED_SECONDS if ended else ASKED_SECONDS):
                for lane in self._lanes:
                    await lane.fresh(experiment_id, name)

    async def finished(self, experiment_id: str) -> None:
        """Wait until an experiment that has ended has all its files, for some seconds at most."""
        if (ended := self._ended.get(experiment_id)) is None:
            return
        for lane in self._lanes:
            lane.ask(experiment_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDED_SECONDS):
                await ended.wait()

    async def forget(self, experiment_id: str) -> None:
        """Write nothing more into a folder that goes; return once nothing is being written there."""
        self._let_go(experiment_id)
        for lane in self._lanes:
            await lane.forget(experiment_id)

    async def run(self) -> None:
        """Refresh until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes:
                tasks.create_task(lane.run())

    async def _written(self, experiment_id: str) -> None:
        """Note the end of an ended experiment's files, once both lanes are through with it."""
        ended = self._ended.get(experiment_id)
        if ended is None or self._is_behind(experiment_id):
            return
        await self._note_exact(experiment_id)
        reach("derived.after_files")
        if self._ended.get(experiment_id) is ended and not self._is_behind(experiment_id):
            for lane in self._lanes:
                lane.drop(experiment_id)
            self._let_go(experiment_id)

    def _is_behind(self, experiment_id: str) -> bool:
        return any(lane.is_behind(experiment_id) for lane in self._lanes)

    def _let_go(self, experiment_id: str) -> None:
        if (ended := self._ended.pop(experiment_id, None)) is not None:
            ended.set()

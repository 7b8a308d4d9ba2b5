"""An experiment's figures as plotly JSON: all of them from one read, drawn in a thread of their own, and kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from services.master.dashboard.axes import Axis
from services.master.dashboard.figures import FIGURES
from services.master.dashboard.records import Records
from services.master.storage.history import GenerationRecord, History, TestRecord
from services.master.storage.pages import MOST_POINTS

KEPT = 16
"""Pages whose figures are kept: viewers of the same page share them."""


class Charts:
    """Draws and keeps the figures of the pages looked at last."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="charts")
        self._kept: OrderedDict[tuple[str, Axis], tuple[object, dict[str, str]]] = OrderedDict()
        self._drawing = asyncio.Lock()

    async def figures(self, experiment_id: str, axis: Axis, target: float | None) -> dict[str, str]:
        """Return all figures by name, each as JSON; ``target`` is the test return that counts as solved."""
        page = (experiment_id, axis)
        async with self._drawing:  # whoever waited finds what the one before has drawn
            stamp = (target, *await self._history.last(experiment_id))
            if page not in self._kept or self._kept[page][0] != stamp:
                texts = await self._history.drawn(experiment_id, MOST_POINTS)
                loop = asyncio.get_running_loop()
                self._kept[page] = stamp, await loop.run_in_executor(self._thread, _draw, *texts, target, axis)
            self._kept.move_to_end(page)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[page][1]

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _draw(generations: list[str], tests: list[str], target: float | None, axis: Axis) -> dict[str, str]:
    records = Records(
        [GenerationRecord.model_validate_json(text) for text in generations],
        [TestRecord.model_validate_json(text) for text in tests],
        target,
    )
    return {name: str(figure(records, axis).to_json()) for name, figure in FIGURES.items()}

"""When derived files are written, and who waits for what; the process that writes them is not asked here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import pytest

from seedcast.services.master.derived import lane as lane_module
from seedcast.services.master.derived.files import OF_A_GENERATION, PLOTS, TEXTS
from seedcast.services.master.derived.process import WriterProcess
from seedcast.services.master.derived.refresher import Refresher
from seedcast.shared.errors import StorageFailed
from tests.processes import PATIENCE

Names = Collection[str]


class Writing:
    """In the place of the processes that write: notes what is asked of them."""

    def __init__(self) -> None:
        self.rounds: list[tuple[str, Names]] = []
        self.drawing = asyncio.Event()
        self.may_draw = asyncio.Event()
        self.may_draw.set()
        self.refusals = 0
        self.exact: list[str] = []

    async def write(self, one: str, names: Names) -> None:
        self.rounds.append((one, names))
        if self.refusals:
            self.refusals -= 1
            raise StorageFailed("full")
        if PLOTS.intersection(names):
            self.drawing.set()
            await self.may_draw.wait()

    async def note_exact(self, experiment_id: str) -> None:
        self.exact.append(experiment_id)


Story = Callable[[Refresher, Writing], Awaitable[None]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Story], None]:
    """Return what tells a story of a refresher that runs."""

    async def run(story: Story) -> None:
        writing = Writing()

        async def write(_: WriterProcess, one: str, __: Path, names: Names, **___: bool) -> None:
            await writing.write(one, names)

        monkeypatch.setattr(WriterProcess, "write", write)
        refresher = Refresher(tmp_path / "seedcast.db", lambda one: tmp_path / one, writing.note_exact)
        task = asyncio.create_task(refresher.run())
        try:
            async with asyncio.timeout(PATIENCE):
                await story(refresher, writing)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return lambda story: asyncio.run(run(story))


def test_whoever_asks_for_a_text_does_not_wait_for_a_plot(told: Callable[[Story], None]) -> None:
    async def story(refresher: Refresher, writing: Writing) -> None:
        writing.may_draw.clear()
        refresher.changed("a")
        drawn = asyncio.create_task(refresher.fresh("a", "reward_vs_time.png"))
        await writing.drawing.wait()
        await refresher.fresh("a", "log.txt")
        refresher.changed("a", {"scores.csv"})
        await refresher.fresh("a", "scores.csv")
        assert writing.rounds[-1] == ("a", {"scores.csv"})
        assert not drawn.done()
        writing.may_draw.set()
        await drawn

    told(story)


def test_what_a_commit_does_not_touch_is_not_waited_for(told: Callable[[Story], None]) -> None:
    async def story(refresher: Refresher, writing: Writing) -> None:
        refresher.changed("a")
        await refresher.fresh("a", "config.yaml")
        assert writing.rounds == [("a", TEXTS)]
        refresher.changed("a", OF_A_GENERATION)
        await refresher.fresh("a", "config.yaml")
        await refresher.fresh("a", "scores.csv")
        assert writing.rounds == [("a", TEXTS)]
        refresher.changed("a", {"config.yaml"})
        await refresher.fresh("a", "config.yaml")
        assert writing.rounds[-1] == ("a", {"config.yaml", "log.txt"})

    told(story)


def test_those_who_ask_are_served_in_the_order_in_which_they_came(told: Callable[[Story], None]) -> None:
    async def story(refresher: Refresher, writing: Writing) -> None:
        writing.may_draw.clear()
        for one in ("c", "a", "b"):
            refresher.changed(one)
        first = asyncio.create_task(refresher.fresh("b", "reward_vs_time.png"))
        await writing.drawing.wait()
        others = [asyncio.create_task(refresher.fresh(one, "reward_vs_time.png")) for one in ("c", "a")]
        await asyncio.sleep(0)
        writing.may_draw.set()
        await asyncio.gather(first, *others)
        assert [one for one, names in writing.rounds if names == PLOTS] == ["b", "c", "a"]

    told(story)


def test_an_end_is_noted_once_both_texts_and_plots_are_written(told: Callable[[Story], None]) -> None:
    async def story(refresher: Refresher, writing: Writing) -> None:
        writing.may_draw.clear()
        refresher.changed("a")
        refresher.ended("a")
        await writing.drawing.wait()
        await refresher.fresh("a", "log.txt")
        assert writing.exact == []
        finished = asyncio.create_task(refresher.finished("a"))
        await asyncio.sleep(0)
        assert not finished.done()
        writing.may_draw.set()
        await finished
        assert writing.exact == ["a"]

    told(story)


def test_files_that_the_disk_refuses_are_written_again_and_the_end_is_noted_then(
    told: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "RETRY_SECONDS", 0.01)

    async def story(refresher: Refresher, writing: Writing) -> None:
        writing.refusals = 3
        refresher.ended("a")
        await refresher.finished("a")
        assert writing.exact == ["a"]
        assert writing.rounds.count(("a", TEXTS)) + writing.rounds.count(("a", PLOTS)) == 5

    told(story)


def test_an_experiment_that_goes_is_written_no_more_and_nobody_waits_for_it(told: Callable[[Story], None]) -> None:
    async def story(refresher: Refresher, writing: Writing) -> None:
        writing.may_draw.clear()
        refresher.changed("a")
        refresher.changed("b")
        drawn = asyncio.create_task(refresher.fresh("b", "reward_vs_time.png"))
        await writing.drawing.wait()
        waiting = asyncio.create_task(refresher.fresh("a", "reward_vs_time.png"))
        await asyncio.sleep(0)
        await refresher.forget("a")
        await waiting
        gone = asyncio.create_task(refresher.forget("b"))
        await asyncio.sleep(0)
        assert not gone.done()  # it is being drawn
        writing.may_draw.set()
        await asyncio.gather(gone, drawn)
        assert ("a", PLOTS) not in writing.rounds

    told(story)

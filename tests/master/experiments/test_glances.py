"""What a list shows of histories is looked up again where there is something new, and only there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from seedcast.services.master.experiments import glances
from seedcast.services.master.experiments.glances import Glances
from seedcast.services.master.experiments.prices import Prices
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.rows import ExperimentRow
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from tests.master.records import evaluated, generation
from tests.processes import PATIENCE
from tests.specs import cartpole

T = TypeVar("T")


def test_a_new_generation_and_a_new_test_show_and_nothing_else_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    look = glances._look

    def counted(*arguments: object) -> object:
        looked.append("once")
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(glances, "_look", counted)

    async def run() -> None:
        database = Database(tmp_path / "seedcast.db")
        repository, history = ExperimentRepository(database), History(database)
        seen = Glances(history)

        async def row() -> ExperimentRow:
            [one] = await seen.add_to(await repository.rows())
            return one

        await repository.add("one", cartpole(), None)
        assert (await row()).curve == []
        await history.commit_generation("one", generation(1), None)
        await history.commit_generation("one", generation(2), None)
        assert len((await row()).curve) == 2
        tested = evaluated(2).model_copy(update={"core_seconds": 0.25})
        await history.commit_test("one", tested)
        assert (await row()).last_test_return == tested.returns.mean
        before = len(looked)
        assert [(await row()).curve, len(looked)] == [(await row()).curve, before]
        database.close()

    asyncio.run(run())


def test_a_row_that_has_not_changed_is_not_read_anew_and_has_its_cost(tmp_path: Path) -> None:
    async def run() -> None:
        database = Database(tmp_path / "seedcast.db")
        repository, history = ExperimentRepository(database, Prices(on_demand=2.0)), History(database)
        seen = Glances(history)
        for name in ("one", "two"):
            await repository.add(name, cartpole(), None)
        before = await seen.add_to(await repository.rows())
        tested = evaluated(2).model_copy(update={"core_seconds": 1800.0})
        await history.commit_test("one", tested)
        after = await seen.add_to(await repository.rows())
        assert [row.id for row in after] == ["two", "one"]
        assert after[0] is before[0]
        assert after[1].cost is not None
        assert (after[1].core_hours, after[1].cost.on_demand) == (0.5, 1.0)
        database.close()

    asyncio.run(run())


def test_a_list_asked_for_before_an_experiment_began_takes_nothing_from_a_later_one(tmp_path: Path) -> None:
    async def run() -> None:
        database = Database(tmp_path / "seedcast.db")
        repository, history = ExperimentRepository(database), Slow(database)
        seen = Glances(history)

        async def listed() -> tuple[asyncio.Task[list[ExperimentRow]], asyncio.Event]:
            task, number = asyncio.create_task(seen.add_to(await repository.rows())), len(history.gates)
            async with asyncio.timeout(PATIENCE):
                while len(history.gates) == number:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            return task, history.gates[number]

        await repository.add("one", cartpole(), None)
        first, first_may_look = await listed()
        await repository.add("two", cartpole(), None)
        later, later_may_look = await listed()
        later_may_look.set()
        await later
        await history.commit_generation("one", generation(1), None)
        last, last_may_look = await listed()  # "two" has been seen: it looks at "one" alone
        first_may_look.set()
        await first
        last_may_look.set()
        assert [(row.id, len(row.curve)) for row in await last] == [("two", 0), ("one", 1)]
        database.close()

    asyncio.run(run())


class Slow(History):
    """A history whose every look waits for a gate of its own."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.gates: list[asyncio.Event] = []

    async def look(self, query: Callable[[sqlite3.Connection], T]) -> T:
        self.gates.append(asyncio.Event())
        await self.gates[-1].wait()
        return await super().look(query)

"""Extremes between the records of a thinned history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedcast.services.master.dashboard.extremes import Extremes
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from tests.master.records import generation
from tests.specs import cartpole

LAST = 50
EVERY = 8


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "seedcast.db")
    yield database
    database.close()


async def _filled(database: Database) -> History:
    """A run whose mean return is the generation's number."""
    await ExperimentRepository(database).add("run", cartpole(), None)
    await _grow(database, 1, LAST)
    return History(database)


async def _grow(database: Database, first: int, last: int) -> None:
    rows = [("run", n, generation(n).model_dump_json()) for n in range(first, last + 1)]
    await database.write(
        lambda connection: connection.executemany("INSERT INTO generations VALUES (?, ?, ?)", rows)
    )


def test_a_long_history_is_not_waited_for_and_has_its_extremes_at_a_later_look(database: Database) -> None:
    async def look() -> None:
        history = await _filled(database)
        patient, hasty = Extremes(history, LAST), Extremes(history, LAST - 1)
        wanted = await patient.until("run", EVERY, 1, LAST)
        assert wanted is not None
        assert wanted[1][2] == 9.0, "the greatest mean of generations 2 to 9"
        assert await hasty.until("run", EVERY, 1, LAST) is None
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if (found := await hasty.until("run", EVERY, 1, LAST)) is not None:
                break
        assert found == wanted
        await _grow(database, LAST + 1, LAST + 20)
        grown = await hasty.until("run", EVERY, 1, LAST + 20)
        assert grown == await Extremes(history).until("run", EVERY, 1, LAST + 20)

    asyncio.run(look())


def test_the_best_mean_is_the_least_where_smaller_is_better(database: Database) -> None:
    async def look() -> None:
        rows = await Extremes(await _filled(database)).until("run", EVERY, -1, LAST)
        assert rows is not None
        assert rows[1][2] == 2.0, "the least mean of generations 2 to 9"

    asyncio.run(look())


def test_a_history_that_was_rolled_back_is_read_anew(database: Database) -> None:
    async def look() -> None:
        extremes = Extremes(history := await _filled(database))
        await extremes.until("run", EVERY, 1, LAST)
        await history.roll_back("run", 20)
        rows = await extremes.until("run", EVERY, 1, 20)
        assert rows is not None
        assert max(row.best_mean for row in rows.values()) == 20.0

    asyncio.run(look())

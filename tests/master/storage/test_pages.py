"""Pages of a history, chosen in SQL."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.pages import Table, drawn, newest, page, stride
from tests.master.records import evaluated, generation
from tests.specs import cartpole

EVERY_TEST = 3


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Experiments of 0, 1, 10 and 5,000 generations, tested after every third one and the last; named by these."""
    path = tmp_path_factory.mktemp("pages") / "seedcast.db"

    async def fill() -> None:
        database = Database(path)
        for count in (0, 1, 10, 5000):
            await ExperimentRepository(database).add(str(count), cartpole(), None)
        await database.write(insert)
        database.close()

    asyncio.run(fill())
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def insert(connection: sqlite3.Connection) -> None:
    for count in (1, 10, 5000):
        tested = {*range(EVERY_TEST, count + 1, EVERY_TEST), count}
        rows = [(str(count), n, generation(n).model_dump_json()) for n in range(1, count + 1)]
        tests = [(str(count), n, evaluated(n).model_dump_json()) for n in tested]
        connection.executemany("INSERT INTO generations VALUES (?, ?, ?)", rows)
        connection.executemany("INSERT INTO tests VALUES (?, ?, ?)", tests)


def numbers(texts: list[str]) -> list[int]:
    return [json.loads(text)["generation"] for text in texts]


@pytest.mark.parametrize("every", [1, 2, 7, 4999, 10_000])
@pytest.mark.parametrize("experiment", ["0", "1", "10", "5000"])
def test_every_so_manieth_record_is_chosen_and_the_last_one_is_never_lost(
    connection: sqlite3.Connection, experiment: str, every: int
) -> None:
    count = int(experiment)
    wanted = sorted({*range(1, count + 1, every), count} - {0})
    assert numbers(page(connection, "generations", experiment, -1, -1, every)) == wanted
    tested = sorted({*range(EVERY_TEST, count + 1, EVERY_TEST * every), count} - {0})
    assert numbers(page(connection, "tests", experiment, -1, -1, every)) == tested


@pytest.mark.parametrize("table", ["generations", "tests"])
@pytest.mark.parametrize("every", [1, 3])
def test_pages_one_after_the_other_are_the_whole(connection: sqlite3.Connection, table: Table, every: int) -> None:
    whole, seen = page(connection, table, "5000", -1, -1, every), list[str]()
    while following := page(connection, table, "5000", numbers(seen[-1:])[0] if seen else -1, 100, every):
        assert len(following) <= 100
        seen += following
    assert seen == whole


@pytest.mark.parametrize("most", [2, 3, 50, 1999, 2000, 5000, 6000])
@pytest.mark.parametrize("experiment", ["1", "10", "5000"])
def test_a_chart_has_both_ends_within_its_bound_and_half_of_the_points_it_may(
    connection: sqlite3.Connection, experiment: str, most: int
) -> None:
    count, chosen = int(experiment), numbers(drawn(connection, "generations", experiment, most))
    assert min(count, most / 2 - 1) <= len(chosen) <= most
    assert chosen == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (1, count)


def test_a_growing_history_keeps_the_points_it_has_shown(connection: sqlite3.Connection) -> None:
    assert stride(connection, "generations", "5000", 1000) == 8
    assert stride(connection, "generations", "10", 1000) == 1


def test_the_newest_records_come_oldest_first(connection: sqlite3.Connection) -> None:
    assert numbers(newest(connection, "generations", "5000", 3)) == [4998, 4999, 5000]
    assert numbers(newest(connection, "tests", "10", 2)) == [9, 10]

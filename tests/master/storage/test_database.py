"""One thread writes, and readers do not stand in line behind it."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from seedcast.services.master.storage.database import Database
from seedcast.shared.errors import StorageFailed
from tests.processes import PATIENCE


def test_a_read_is_answered_while_writes_wait_in_line(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> str:
        connection.execute("UPDATE experiments SET note = 'x'")
        begun.set()
        go_on.wait(PATIENCE)
        return threading.current_thread().name

    async def run() -> None:
        database = Database(tmp_path / "seedcast.db")
        writes = [asyncio.create_task(database.write(slow)) for _ in range(8)]
        await asyncio.to_thread(begun.wait, PATIENCE)
        async with asyncio.timeout(PATIENCE / 2):
            for _ in range(20):
                await database.read(lambda connection: connection.execute("SELECT * FROM experiments").fetchall())
        assert not any(write.done() for write in writes)
        go_on.set()
        assert len(set(await asyncio.gather(*writes))) == 1  # one thread
        database.close()

    asyncio.run(run())


def test_a_read_cannot_write(tmp_path: Path) -> None:
    async def run() -> None:
        database = Database(tmp_path / "seedcast.db")
        with pytest.raises(StorageFailed, match="readonly database"):
            await database.read(lambda connection: connection.execute("DELETE FROM experiments"))
        database.close()

    asyncio.run(run())


def test_a_database_of_an_earlier_version_gets_its_new_columns(tmp_path: Path) -> None:
    path = tmp_path / "seedcast.db"
    schema = (files("seedcast.services.master.storage") / "schema.sql").read_text()
    later = {"experiments": {"files_exact", "note", "core_seconds", "archived"}, "studies": {"key"}}
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(re.sub("--.*", "", schema))  # with comments no column can be dropped
        for table, columns in later.items():
            for column in columns:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")

    async def columns_of(table: str) -> set[str]:
        rows = await database.read(lambda one: one.execute(f"PRAGMA table_info({table})").fetchall())
        return {row["name"] for row in rows}

    database = Database(path)
    for table, columns in later.items():
        assert columns <= asyncio.run(columns_of(table))
    database.close()


def insert(text: str) -> Callable[[sqlite3.Connection], str]:
    def change(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO marks VALUES (?)", (text,))
        return text

    return change


def keys(connection: sqlite3.Connection) -> list[str]:
    return [row["key"] for row in connection.execute("SELECT key FROM marks ORDER BY rowid")]


async def with_marks(folder: Path) -> Database:
    database = Database(folder / "seedcast.db")
    await database.write(lambda connection: connection.execute("CREATE TABLE marks (key TEXT UNIQUE) STRICT"))
    return database


class Held:
    """A change that is not done before it may be, so that others wait behind it."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, _: sqlite3.Connection) -> None:
        self.begun.set()
        assert self.may_end.wait(PATIENCE)


def test_changes_that_wait_for_another_are_one_commit(tmp_path: Path) -> None:
    async def run() -> None:
        database, first, last = await with_marks(tmp_path), Held(), Held()
        waited = asyncio.create_task(database.write(first))
        await asyncio.to_thread(first.begun.wait, PATIENCE)
        together = [asyncio.create_task(database.write(insert(text))) for text in "abc"]
        behind = asyncio.create_task(database.write(last))
        await asyncio.sleep(0)  # they are all in line
        first.may_end.set()
        await asyncio.to_thread(last.begun.wait, PATIENCE)
        await waited
        assert await database.read(keys) == [], "none is committed before the last one is done"
        assert not any(task.done() for task in together)
        last.may_end.set()
        assert await asyncio.gather(*together) == ["a", "b", "c"]
        await behind
        assert await database.read(keys) == ["a", "b", "c"]
        database.close()

    asyncio.run(run())


def test_a_change_that_fails_takes_none_with_it_that_waited_beside_it(tmp_path: Path) -> None:
    async def run() -> None:
        database, first = await with_marks(tmp_path), Held()
        waited = asyncio.create_task(database.write(first))
        await asyncio.to_thread(first.begun.wait, PATIENCE)
        changes = [insert("a"), insert("b"), insert("a"), insert("c")]  # a key is there once
        together = [asyncio.create_task(database.write(change)) for change in changes]
        await asyncio.sleep(0)
        first.may_end.set()
        await waited
        results = await asyncio.gather(*together, return_exceptions=True)
        assert [isinstance(result, Exception) for result in results] == [False, False, True, False]
        assert await database.read(keys) == ["a", "b", "c"]
        database.close()

    asyncio.run(run())


def test_a_change_that_nobody_waits_for_any_more_before_its_turn_is_not_made(tmp_path: Path) -> None:
    async def run() -> None:
        database, first = await with_marks(tmp_path), Held()
        waited = asyncio.create_task(database.write(first))
        await asyncio.to_thread(first.begun.wait, PATIENCE)
        given_up, kept = (asyncio.create_task(database.write(insert(text))) for text in "ab")
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        first.may_end.set()
        await asyncio.gather(waited, kept)
        assert await database.read(keys) == ["b"]
        database.close()

    asyncio.run(run())

"""One thread writes, and readers do not stand in line behind it."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
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
    earlier = re.sub(r",\s+files_exact.*?\n\) STRICT;", "\n) STRICT;", schema, count=1, flags=re.DOTALL)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(earlier)
        names = {row[1] for row in connection.execute("PRAGMA table_info(experiments)")}
        assert not {"note", "files_exact"} & names

    async def columns() -> set[str]:
        database = Database(path)
        rows = await database.read(lambda one: one.execute("PRAGMA table_info(experiments)").fetchall())
        database.close()
        return {row["name"] for row in rows}

    assert {"note", "files_exact"} <= asyncio.run(columns())

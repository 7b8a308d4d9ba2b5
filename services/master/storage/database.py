"""The SQLite database: one file, write-ahead log, every commit on the disk before it counts.

Nothing here runs in the event loop. All writes go through one thread and one connection, in the order in which
they were asked for; those that come while one is being committed are the next commit, together, as each takes the
disk as long as many. Reads have threads and connections of their own: no read stands in line behind writes.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from seedcast.services.master.storage.failures import storage_errors

T = TypeVar("T")

READERS = 4
BUSY_SECONDS = 10.0
MOST_TOGETHER = 100

_ADDED_COLUMNS = (
    ("experiments", "files_exact", "INTEGER NOT NULL DEFAULT 0"),
    ("experiments", "note", "TEXT NOT NULL DEFAULT ''"),
    ("experiments", "core_seconds", "REAL NOT NULL DEFAULT 0"),
    ("experiments", "archived", "INTEGER NOT NULL DEFAULT 0"),
    ("studies", "key", "TEXT"),
)
"""Columns that databases of earlier versions lack."""


class _Write(NamedTuple):
    """A change that waits for its turn, and what became of it."""

    change: Callable[[sqlite3.Connection], Any]
    outcome: Future[Any]


class Database:
    """One connection that writes, a few that read, transactions by function."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._waiting: deque[_Write] = deque()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-reader")
        with storage_errors(path.name):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer.submit(self._prepare).result()

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function of a connection that cannot write; all that it sees is of one moment.

        Raises:
            StorageFailed: the disk does not give it.
        """
        return await self._run(self._readers, lambda: self._snapshot(query))

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in one transaction: all of it is committed, or none.

        It may be run a second time, if others in the same transaction fail; the first time then leaves nothing.

        Raises:
            StorageFailed: the disk is full or fails; nothing is committed.
        """
        outcome = Future[T]()
        self._waiting.append(_Write(change, outcome))
        self._writer.submit(self._write_waiting)
        return await asyncio.wrap_future(outcome)

    def close(self) -> None:
        """Wait for what runs, then stop the threads."""
        self._readers.shutdown()
        self._writer.shutdown()

    async def _run(self, threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        def checked() -> T:
            with storage_errors(self._path.name):
                return call()

        return await asyncio.get_running_loop().run_in_executor(threads, checked)

    def _snapshot(self, query: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection(writes=False)
        connection.execute("BEGIN")
        try:
            return query(connection)
        finally:
            connection.rollback()

    def _write_waiting(self) -> None:
        """Write what waits, if it was not written with what came before it."""
        writes: list[_Write] = []
        while self._waiting and len(writes) < MOST_TOGETHER:
            write = self._waiting.popleft()
            if write.outcome.set_running_or_notify_cancel():
                writes.append(write)
        if len(writes) > 1 and self._write_together(writes):
            return
        for write in writes:
            try:
                with storage_errors(self._path.name):
                    result = self._transaction(write.change)
            except BaseException as error:
                write.outcome.set_exception(error)
            else:
                write.outcome.set_result(result)

    def _write_together(self, writes: Sequence[_Write]) -> bool:
        """Write all in one transaction; return whether that went well. Else none is written."""
        try:
            results = self._transaction(lambda connection: [write.change(connection) for write in writes])
        except Exception:  # whose fault it was shows when each is tried by itself
            return False
        for write, result in zip(writes, results, strict=True):
            write.outcome.set_result(result)
        return True

    def _transaction(self, change: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection(writes=True)
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = change(connection)
            connection.commit()
        except BaseException:
            if connection.in_transaction:  # a full disk may have ended it already
                connection.rollback()
            raise
        return result

    def _prepare(self) -> None:
        connection = self._connection(writes=True)
        connection.executescript((files("seedcast.services.master.storage") / "schema.sql").read_text())
        for table, column, kind in _ADDED_COLUMNS:
            if column not in {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    def _connection(self, *, writes: bool) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if not writes:
                connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
        return connection

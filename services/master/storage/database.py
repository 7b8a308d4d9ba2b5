"""The SQLite database: one file, write-ahead log, every commit on the disk before it counts.

All calls run in threads of their own, never in the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from services.master.storage.failures import storage_errors

T = TypeVar("T")

THREADS = 4
"""One writes, the others read meanwhile: WAL readers never wait for the writer."""

BUSY_SECONDS = 10.0


class Database:
    """A connection a thread, transactions by function."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._write_lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        schema = (files("services.master.storage") / "schema.sql").read_text()
        with storage_errors(path.name):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection().executescript(schema)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a read-only function of a connection.

        Raises:
            StorageFailed: the disk does not give it.
        """
        return await self._run(lambda: query(self._connection()))

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in one transaction: all of it is committed, or none.

        Raises:
            StorageFailed: the disk is full or fails; nothing is committed.
        """
        return await self._run(lambda: self._transaction(change))

    def close(self) -> None:
        """Wait for what runs, then stop the threads."""
        self._threads.shutdown()

    async def _run(self, call: Callable[[], T]) -> T:
        def checked() -> T:
            with storage_errors(self._path.name):
                return call()

        return await asyncio.get_running_loop().run_in_executor(self._threads, checked)

    def _transaction(self, change: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection()
        with self._write_lock:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = change(connection)
                connection.commit()
            except BaseException:
                if connection.in_transaction:  # a full disk may have ended it already
                    connection.rollback()
                raise
        return result

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._local.connection = connection
        return connection

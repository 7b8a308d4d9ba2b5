"""Turns what disks and SQLite raise into one error of ours, at the edge."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from seedcast.shared.errors import StorageFailed

_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)
"""The fault is of the disk, not of a query: the same call may succeed once that is put right."""

_PRIMARY = 0xFF
"""SQLite's extended codes hold the primary one in their lowest byte (https://sqlite.org/rescode.html)."""


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Raise `StorageFailed`, naming ``what``, where the disk fails inside."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"{what}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY not in _PASSING:
            raise
        raise StorageFailed(f"{what}: {error}") from error

"""The master's data folder: where everything lies, and the lock that keeps a second master out."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from seedcast.services.master.storage.durable import sync_folder
from seedcast.services.master.storage.failures import storage_errors
from seedcast.shared.errors import StartupError, StorageFailed

log = logging.getLogger(__name__)


class DataFolder:
    """Paths below the data folder, locked for as long as this object is open.

    ::

        database/seedcast.db            experiments, history, tests; no input can name a file in here
        seedcast.lock                   held by the running master
        experiments/ID/                 an experiment's artifacts, and checkpoints/
        models/                         yours: files to warm-start from

    Raises:
        StartupError: another master uses the folder, or it cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        try:
            self.experiments.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.root / "seedcast.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StartupError(f"the data folder {root} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._lock, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            raise StartupError(f"the data folder {root} is in use by another master (pid {owner})") from error
        self._sign()
        try:
            _move_database(self.root / "seedcast.db", self.database)
        except StorageFailed as error:
            self.close()
            raise StartupError(f"the database cannot be moved to {self.database}: {error}") from error

    @property
    def database(self) -> Path:
        """The SQLite file. Only SQLite may open it: whoever else closes it drops the locks of this process."""
        return self.root / "database" / "seedcast.db"

    @property
    def experiments(self) -> Path:
        """The folder of all experiments' folders."""
        return self.root / "experiments"

    def experiment(self, experiment_id: str) -> Path:
        """One experiment's folder, made if it is not there.

        Raises:
            StorageFailed: it cannot be made.
        """
        folder = self.experiments / experiment_id
        with storage_errors(f"the folder of {experiment_id}"):
            (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        return folder

    def _sign(self) -> None:
        """Note who holds the lock, for the next one who asks; on a full disk it goes unsaid."""
        pid = str(os.getpid()).encode()
        with suppress(OSError):
            os.truncate(self._lock, os.pwrite(self._lock, pid, 0))

    def close(self) -> None:
        """Let another master in."""
        os.close(self._lock)


def _move_database(old: Path, new: Path) -> None:
    """Move the database of an earlier version to where no input can name it.

    SQLite first takes the write-ahead log into the one file and removes the log. That file is then renamed, which
    happens whole or not at all: a master that is killed anywhere in between finds everything at its next start.

    Raises:
        StorageFailed: the disk fails, or somebody else has the old file open.
    """
    if not old.is_file():
        return
    if new.exists():
        log.warning("%s is not used any more: the database is %s", old, new)
        return
    with storage_errors(old.name):
        new.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(old, isolation_level=None)) as connection:
            (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        if mode != "delete":
            raise StorageFailed(f"{old.name} is open elsewhere")
        old.replace(new)
        sync_folder(new.parent)
        sync_folder(old.parent)
    log.info("moved the database to %s", new)

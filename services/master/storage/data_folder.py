"""The master's data folder: where everything lies, and the lock that keeps a second master out."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from services.master.storage.failures import storage_errors
from shared.errors import StartupError


class DataFolder:
    """Paths below the data folder, locked for as long as this object is open.

    ::

        seedcast.db                     experiments, history, tests
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

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "seedcast.db"

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

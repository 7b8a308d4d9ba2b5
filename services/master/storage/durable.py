"""Files that are either the old ones or the new ones, whole, whenever the power goes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Literal

from seedcast.services.master.failpoints import reach
from seedcast.services.master.storage.failures import storage_errors

Kind = Literal["checkpoint", "artifact"]
"""Whose failpoints a file passes."""


def write_durably(path: Path, content: bytes, kind: Kind = "artifact") -> None:
    """Write temp → fsync → rename → fsync directory.

    Raises:
        StorageFailed: the disk does not take it. What there was before is still there, or the new file is, whole.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with storage_errors(path.name):
        try:
            _write(temporary, content, kind)
            reach(f"{kind}.before_rename")
            temporary.replace(path)
        except OSError:
            with suppress(OSError):  # on a full disk every byte counts
                temporary.unlink(missing_ok=True)
            raise
        reach(f"{kind}.before_directory_fsync")
        sync_folder(path.parent)
        reach(f"{kind}.after_directory_fsync")


def _write(path: Path, content: bytes, kind: Kind) -> None:
    reach(f"{kind}.before_write")
    halves = memoryview(content)[: len(content) // 2], memoryview(content)[len(content) // 2 :]
    with path.open("wb") as file:
        file.write(halves[0])
        file.flush()
        reach(f"{kind}.half_written")
        file.write(halves[1])
        file.flush()
        reach(f"{kind}.before_fsync")
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make what was created, renamed or removed in a folder last."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

"""Opening a file that somebody names: a regular one below a folder of ours, and nothing else.

A symbolic link could lead to any file of the machine, a FIFO never ends, and to open and close the database's own
file would drop the locks that SQLite holds on it for this process.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_regular(root: Path, parts: Sequence[str]) -> BinaryIO:
    """Open the regular file ``root / parts[0] / …`` for reading, following no symbolic link below ``root``.

    Raises:
        FileNotFoundError: there is no such file, or it is not a regular one reached without a link.
    """
    missing = FileNotFoundError("/".join(parts))
    if not parts or any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
        raise missing
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts[:-1]:
                inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            return _open_file(parts[-1], folder, missing)
        finally:
            os.close(folder)
    except OSError as error:
        raise missing from error


def _open_file(name: str, folder: int, missing: OSError) -> BinaryIO:
    if not stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):  # not even opened: that alone may have effects
        raise missing
    descriptor = os.open(name, _FILE, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise missing
    return os.fdopen(descriptor, "rb")


def regular_files(folder: Path) -> list[os.DirEntry[str]]:
    """Return the regular files of a folder by name, links and hidden ones left out; none if it is gone."""
    found: list[os.DirEntry[str]] = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.name[0] != "." and entry.is_file(follow_symlinks=False)]
    return sorted(found, key=lambda entry: entry.name)

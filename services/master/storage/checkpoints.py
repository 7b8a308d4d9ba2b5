"""Checkpoints: what training needs to go on, in one checked file a generation.

The file is written durably before the transaction that refers to it commits, so a committed generation always has
its checkpoint. Version, length and SHA-256 stand in the database: a damaged file is told from a good one.
"""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from seedcast.services.master.failpoints import reach
from seedcast.services.master.storage.durable import write_durably
from seedcast.services.master.storage.failures import storage_errors
from seedcast.shared.errors import DamagedCheckpoint, SeedcastError, StorageFailed
from seedcast.shared.frame import decode_frame, encode_frame

VERSION = 1
KEPT = 3
"""So many of the newest checkpoints stay on the disk."""

_DAMAGED = frozenset({errno.ENOENT, errno.EIO})
"""Reading a file fails with these where it is gone or rotten; other errors say nothing of the file."""

Arrays = dict[str, NDArray[Any]]
T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's row in the database."""

    generation: int
    file: str
    version: int
    length: int
    sha256: str


def write_checkpoint(folder: Path, generation: int, header: str, arrays: Arrays) -> Checkpoint:
    """Write a checkpoint file and return the row that will refer to it.

    Raises:
        StorageFailed: the disk does not take it.
    """
    content = encode_frame(header, arrays)
    name = f"{generation:08d}.safetensors"
    write_durably(folder / name, content, "checkpoint")
    digest = hashlib.sha256(content).hexdigest()
    return Checkpoint(generation, name, VERSION, len(content), digest)


def read_checkpoint(folder: Path, checkpoint: Checkpoint) -> tuple[str, Arrays]:
    """Read a checkpoint's header and arrays.

    Raises:
        DamagedCheckpoint: the file is missing or is not what was committed.
        StorageFailed: it cannot be read now, whatever it is.
    """
    if checkpoint.version != VERSION:
        raise DamagedCheckpoint(f"{checkpoint.file} has version {checkpoint.version}, not {VERSION}")
    try:
        content = (folder / checkpoint.file).read_bytes()
    except OSError as error:
        if error.errno not in _DAMAGED:
            raise StorageFailed(f"{checkpoint.file}: {error.strerror}") from error
        raise DamagedCheckpoint(f"{checkpoint.file}: {error.strerror}") from error
    if len(content) != checkpoint.length or hashlib.sha256(content).hexdigest() != checkpoint.sha256:
        raise DamagedCheckpoint(f"{checkpoint.file} is not the file that was committed")
    return decode_frame(content, check=False)  # the digest of the whole says more


def newest_intact(
    folder: Path, checkpoints: Sequence[Checkpoint], restore: Callable[[str, Arrays], T]
) -> tuple[Checkpoint, T] | None:
    """Restore from the newest checkpoint (the last of ``checkpoints``) that is intact; None where none is given.

    Raises:
        DamagedCheckpoint: there are checkpoints, and every one is damaged; it names them.
        StorageFailed: one cannot be read now.
    """
    damaged = []
    for checkpoint in reversed(checkpoints):
        try:
            return checkpoint, restore(*read_checkpoint(folder, checkpoint))
        except StorageFailed:
            raise
        except SeedcastError as error:
            log.warning("skipping a checkpoint: %s", error)
            damaged.append(str(error))
    if damaged:
        raise DamagedCheckpoint(f"none of the {len(damaged)} checkpoints is intact: {'; '.join(damaged)}")
    return None


def remove_old_checkpoints(folder: Path, kept: Collection[str]) -> None:
    """Delete all files but those ``kept``: older ones, and what a crash left without a row or half written.

    Raises:
        StorageFailed: the disk fails.
    """
    reach("removal.before")
    with storage_errors("removing old checkpoints"):
        for path in folder.iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)
                reach("removal.between_files")
    reach("removal.after")

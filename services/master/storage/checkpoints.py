"""Checkpoints: what training needs to go on, in one checked file a generation.

The file is written durably before the transaction that refers to it commits, so a committed generation always has
its checkpoint. Version, length and SHA-256 stand in the database: a damaged file is told from a good one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from services.master.storage.durable import write_durably
from shared.errors import DamagedCheckpoint, SeedcastError
from shared.frame import decode_frame, encode_frame

VERSION = 1
KEPT = 3
"""So many of the newest checkpoints stay on the disk."""

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
    """Write a checkpoint file and return the row that will refer to it."""
    content = encode_frame(header, arrays)
    name = f"{generation:08d}.safetensors"
    write_durably(folder / name, content)
    digest = hashlib.sha256(content).hexdigest()
    return Checkpoint(generation, name, VERSION, len(content), digest)


def read_checkpoint(folder: Path, checkpoint: Checkpoint) -> tuple[str, Arrays]:
    """Read a checkpoint's header and arrays.

    Raises:
        DamagedCheckpoint: the file is missing or is not what was committed.
    """
    if checkpoint.version != VERSION:
        raise DamagedCheckpoint(f"{checkpoint.file} has version {checkpoint.version}, not {VERSION}")
    try:
        content = (folder / checkpoint.file).read_bytes()
    except OSError as error:
        raise DamagedCheckpoint(f"{checkpoint.file}: {error.strerror}") from error
    if len(content) != checkpoint.length or hashlib.sha256(content).hexdigest() != checkpoint.sha256:
        raise DamagedCheckpoint(f"{checkpoint.file} is not the file that was committed")
    return decode_frame(content)


def newest_intact(
    folder: Path, checkpoints: Sequence[Checkpoint], restore: Callable[[str, Arrays], T]
) -> tuple[Checkpoint, T] | None:
    """Restore from the newest checkpoint (the last of ``checkpoints``) that is intact; None where none is given.

    Raises:
        DamagedCheckpoint: there are checkpoints, and every one is damaged.
    """
    for checkpoint in reversed(checkpoints):
        try:
            return checkpoint, restore(*read_checkpoint(folder, checkpoint))
        except SeedcastError as error:
            log.warning("skipping a checkpoint: %s", error)
    if checkpoints:
        raise DamagedCheckpoint(f"none of the {len(checkpoints)} checkpoints is intact")
    return None


def remove_old_checkpoints(folder: Path, newest: int) -> None:
    """Delete all but the last `KEPT` files up to generation ``newest``, and what a crash left half written."""
    oldest_kept = newest - KEPT + 1
    for path in folder.iterdir():
        if not path.stem.isdigit() or int(path.stem) < oldest_kept:
            path.unlink(missing_ok=True)

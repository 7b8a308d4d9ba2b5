"""An experiment's folder of artifacts, with the names the 2019 sample gave them.

Models are written here, beside training. `config.yaml`, `log.txt`, `scores.csv`, the plots and `best_model.npz`
follow from the database and these models: see `seedcast.services.master.derived`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, Field

from seedcast.services.master.storage.durable import write_durably
from seedcast.services.master.storage.failures import storage_errors
from seedcast.services.master.storage.regular_files import open_regular, regular_files
from seedcast.shared.errors import InvalidInput, NotFound
from seedcast.shared.model import Model

WARM_START = "warm_start.npz"

MEDIA_TYPES = {
    ".csv": "text/csv",
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}
CHUNK_BYTES = 2**20
TAIL_BYTES = 2**16
_MODEL = re.compile(r"model_([0-9]+)\.npz")


class Artifact(BaseModel):
    """A file of an experiment that can be downloaded."""

    name: str = Field(description="What it is downloaded as.")
    bytes: int = Field(description="Its size.")
    modified_at: datetime = Field(description="When it was last written.")


@dataclass(frozen=True)
class OpenArtifact:
    """A file as it was when it was opened: what is appended or renamed into its place later is not in it."""

    name: str
    file: BinaryIO
    size: int
    """In bytes."""
    modified_at: datetime
    etag: str
    """Changes whenever the content does: it names the file on the disk, its size and when it was written."""

    @property
    def media_type(self) -> str:
        """What kind of content it is."""
        return MEDIA_TYPES.get(Path(self.name).suffix, "application/octet-stream")

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the content from byte ``start`` up to ``stop``, then close the file."""
        with self.file:
            self.file.seek(start)
            left = (self.size if stop is None else stop) - start
            while left and (chunk := self.file.read(min(left, CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk

    def tail(self, lines: int) -> str:
        """Return the last ``lines`` lines of a text, then close the file."""
        with self.file:
            start, found = self.size, b""
            while start and found.count(b"\n") <= lines:
                step = min(start, TAIL_BYTES)
                start -= step
                self.file.seek(start)
                found = self.file.read(step) + found
        return b"".join(found.splitlines(keepends=True)[-lines:]).decode(errors="replace")


class Artifacts:
    """The files of one experiment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list(self) -> list[Artifact]:
        """Return the files that there are, by name; links are none of ours."""
        found = []
        for entry in regular_files(self._folder):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # thinned out meanwhile
                continue
            modified = datetime.fromtimestamp(status.st_mtime, UTC)
            found.append(Artifact(name=entry.name, bytes=status.st_size, modified_at=modified))
        return found

    def open(self, name: str) -> OpenArtifact:
        """Open one file, whose size is fixed from here on.

        Raises:
            NotFound: there is no such artifact.
        """
        try:
            if name.startswith("."):
                raise FileNotFoundError(name)
            file = open_regular(self._folder, [name])
        except FileNotFoundError:
            raise NotFound(f"there is no artifact {name!r}") from None
        status = os.fstat(file.fileno())
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        etag = f'"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"'
        return OpenArtifact(name, file, status.st_size, modified, etag)

    def warm_start(self) -> Model:
        """Return the experiment's own copy of the model it starts from.

        Raises:
            InvalidInput: the file is damaged or gone.
        """
        try:
            with open_regular(self._folder, [WARM_START]) as file:
                return Model.read(file, WARM_START)
        except FileNotFoundError:
            raise InvalidInput.of("model", "there is no such file", WARM_START) from None

    def write_warm_start(self, model: Model) -> None:
        """Keep a copy of the model to start from: its source may change, or go."""
        write_durably(self._folder / WARM_START, model.to_bytes())

    def write_model(self, model: Model) -> None:
        """Write model_<iteration>.npz."""
        write_durably(self._folder / model_name(model.metadata.generation), model.to_bytes())

    def thin_models(self, most: int, best: int | None) -> None:
        """Delete models so that about ``most`` are left: the best, the newest, and a spread of the others.

        Raises:
            StorageFailed: the disk fails.
        """
        with storage_errors("removing old models"):
            matches = [_MODEL.fullmatch(entry.name) for entry in regular_files(self._folder)]
            generations = {int(match[1]) for match in matches if match}
            for generation in generations - kept_models(generations, most, best):
                (self._folder / model_name(generation)).unlink(missing_ok=True)


def model_name(generation: int) -> str:
    """Return the name of the model that was tested as of a generation."""
    return f"model_{generation}.npz"


def kept_models(generations: Collection[int], most: int, best: int | None) -> set[int]:
    """Return which models stay: all multiples of a power of two that are at most ``most``, best and newest.

    A model that goes is never one that a later call would have kept, so that the spread stays even.
    """
    stride = 1
    while len(spread := {one for one in generations if one % stride == 0}) > most:
        stride *= 2
    ends = {max(generations, default=None), best}
    return spread | {one for one in generations if one in ends}


def models_bytes(most: int, dimension: int) -> int:
    """Return what an experiment's models take on the disk at most, in bytes, ``dimension`` parameters each."""
    return (most + 3) * (4 * dimension + 16 * 1024)  # best_model.npz and the newest besides; 16 KiB of metadata


def range_of(header: str, size: int) -> tuple[int, int] | None:
    """Return the bytes (first, one past the last) of an RFC 9110 ``Range`` header; None where all are sent.

    What it may ignore it ignores: several ranges, other units, ranges that end before they begin.

    Raises:
        ValueError: the range begins after the end.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1][:20], match[2][:20]
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= stop:
        raise ValueError(header)
    return start, stop

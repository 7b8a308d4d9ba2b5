"""A file that appears whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write to the file given; it takes the place of ``path`` once all is written, and goes if that fails.

    Readers see the old content or the new. After a power failure it may be neither: `storage.durable` is for that.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        if error.filename == str(part):  # which nobody has asked for
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)

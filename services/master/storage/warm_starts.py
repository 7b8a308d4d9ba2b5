"""The models that an experiment may start from: files of earlier experiments, and those put into `models/`."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path, PurePosixPath

from seedcast.services.master.storage.regular_files import open_regular
from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model

LARGEST_BYTES = 2**30
"""Of a model file, and of what is packed in it."""

ALLOWED = "must be experiments/ID/NAME.npz or models/NAME.npz, without symbolic links"


def load_warm_start(root: Path, name: str) -> Model:
    """Load a model by its path below the data folder ``root``.

    Raises:
        InvalidInput: it lies elsewhere, is no regular file or no model, or is too large.
    """
    parts = PurePosixPath(name).parts
    folders = len(parts) == 3 if parts[:1] == ("experiments",) else len(parts) >= 2
    if parts[:1] not in (("experiments",), ("models",)) or not folders or not name.endswith(".npz"):
        raise InvalidInput.of("warm_start", ALLOWED, name)
    if ".." in parts:
        raise InvalidInput.of("warm_start", ALLOWED, name)
    try:
        file = open_regular(root, parts)
    except FileNotFoundError:
        raise InvalidInput.of("warm_start", f"there is no such file; it {ALLOWED}", name) from None
    with file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                size = max(size, sum(member.file_size for member in archive.infolist()))
            file.seek(0)
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            raise InvalidInput.of("warm_start", "is not a model file (BadZipFile)", name) from error
        if size > LARGEST_BYTES:
            raise InvalidInput.of("warm_start", f"has {size} bytes, over the limit of {LARGEST_BYTES}", name)
        try:
            return Model.read(file, parts[-1])
        except InvalidInput as error:
            raise InvalidInput.of("warm_start", error.errors[0].reason, name) from error

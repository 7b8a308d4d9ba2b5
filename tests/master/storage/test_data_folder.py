from __future__ import annotations

import os
from pathlib import Path

import pytest

from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.shared.errors import StartupError


def test_a_second_master_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with pytest.raises(StartupError, match=rf"in use by another master \(pid {os.getpid()}\)"):
        DataFolder(tmp_path)
    folder.close()
    DataFolder(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="cannot be written"):
        DataFolder(tmp_path / "file" / "data")

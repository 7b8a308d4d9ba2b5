"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedcast.shared.whole_file import whole_file


def test_a_file_keeps_its_old_content_until_all_of_the_new_one_is_written(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(b"old")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_midway_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "model.npz") as file:
        file.write(bytes(1 // 0))
    assert list(tmp_path.iterdir()) == []

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seedcast.services.master.storage.checkpoints import (
    Arrays,
    Checkpoint,
    newest_intact,
    read_checkpoint,
    remove_old_checkpoints,
    write_checkpoint,
)
from seedcast.shared.errors import DamagedCheckpoint

ARRAYS: Arrays = {"a": np.arange(5.0), "b": np.array(7)}


def write(folder: Path, *generations: int) -> list[Checkpoint]:
    return [write_checkpoint(folder, generation, f"header {generation}", ARRAYS) for generation in generations]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (checkpoint,) = write(tmp_path, 3)
    header, arrays = read_checkpoint(tmp_path, checkpoint)
    assert header == "header 3"
    np.testing.assert_array_equal(arrays["a"], ARRAYS["a"])
    assert arrays["b"].shape == ()
    assert arrays["b"] == 7


@pytest.mark.parametrize("damage", ["flip", "truncate", "grow", "remove", "empty"])
def test_a_damaged_checkpoint_is_detected_and_the_one_before_is_used(tmp_path: Path, damage: str) -> None:
    checkpoints = write(tmp_path, 1, 2)
    path = tmp_path / checkpoints[1].file
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "truncate": content[:-1],
        "grow": content + b"x",
        "empty": b"",
    }
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(damaged[damage])
    with pytest.raises(DamagedCheckpoint):
        read_checkpoint(tmp_path, checkpoints[1])
    found = newest_intact(tmp_path, checkpoints, lambda header, _: header)
    assert found == (checkpoints[0], "header 1")


def test_without_any_intact_checkpoint_nothing_is_made_up(tmp_path: Path) -> None:
    checkpoints = write(tmp_path, 1)
    (tmp_path / checkpoints[0].file).unlink()
    with pytest.raises(DamagedCheckpoint, match="none of the 1"):
        newest_intact(tmp_path, checkpoints, lambda header, _: header)
    assert newest_intact(tmp_path, [], lambda header, _: header) is None


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    (checkpoint,) = write(tmp_path, 1)
    newer = Checkpoint(1, checkpoint.file, 99, checkpoint.length, checkpoint.sha256)
    with pytest.raises(DamagedCheckpoint, match="version 99"):
        read_checkpoint(tmp_path, newer)


def test_what_has_no_row_or_was_left_half_written_goes_and_the_rest_is_kept(tmp_path: Path) -> None:
    checkpoints = write(tmp_path, 1, 2, 3, 4, 5)
    (tmp_path / ".00000006.safetensors.tmp").write_bytes(b"half")
    remove_old_checkpoints(tmp_path, {item.file for item in checkpoints[2:]})
    assert sorted(path.name for path in tmp_path.iterdir()) == [item.file for item in checkpoints[2:]]

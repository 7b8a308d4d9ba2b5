"""Files that are read while they change."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedcast.services.master.storage.artifacts import Artifacts
from seedcast.services.master.storage.durable import write_durably
from seedcast.shared.errors import NotFound


def test_what_is_appended_or_replaced_later_is_not_in_an_open_file(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    before = b"generation 1\n"
    (tmp_path / "log.txt").write_bytes(before)
    log, again = artifacts.open("log.txt"), artifacts.open("log.txt")
    with (tmp_path / "log.txt").open("ab") as file:
        file.write(b"generation 2\n")
    assert b"".join(log.chunks()) == before
    write_durably(tmp_path / "log.txt", b"short")
    assert b"".join(again.chunks()) == before
    assert again.size == len(before)
    assert again.file.closed


def test_a_large_file_comes_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seedcast.services.master.storage.artifacts.CHUNK_BYTES", 4)
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    assert list(Artifacts(tmp_path).open("a.bin").chunks()) == [b"0123", b"4567", b"89"]


@pytest.mark.parametrize("name", ["none.txt", ".hidden", "checkpoints", "../secret"])
def test_what_is_no_artifact_is_not_opened(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "experiment"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / ".hidden").touch()
    (tmp_path / "secret").touch()
    with pytest.raises(NotFound, match="there is no artifact"):
        Artifacts(folder).open(name)

"""Copies of artifacts, in a local folder and in fsspec's memory."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from seedcast.services.master.storage.bucket import Bucket, Mirror
from seedcast.shared.errors import StartupError


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty place."""
    place = f"file://{tmp_path}/bucket" if request.param == "file" else f"memory://{secrets.token_hex(4)}"
    yield place
    files, root = fsspec.core.url_to_fs(place)
    if files.exists(root):
        files.rm(root, recursive=True)


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    """Two experiments with a few files, of which checkpoints and temporary ones are no artifacts."""
    for name in ("walk-1", "walk-2"):
        folder = tmp_path / "experiments" / name
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "checkpoints" / "1.ckpt").write_bytes(b"state")
        (folder / ".log.txt.tmp").write_bytes(b"half")
        (folder / "log.txt").write_text(f"{name}\n")
        (folder / "best_model.npz").write_bytes(bytes(range(256)) * 5000)
    return tmp_path / "experiments"


def content(url: str) -> dict[str, bytes]:
    files, root = fsspec.core.url_to_fs(url)
    return {path.removeprefix(f"{root}/"): files.cat_file(path) for path in files.find(root)}


def test_every_artifact_is_copied_and_nothing_else(url: str, experiments: Path) -> None:
    assert len(Bucket(url).copy(experiments)) == 4
    assert content(url) == {
        f"{name}/{file}": (experiments / name / file).read_bytes()
        for name in ("walk-1", "walk-2")
        for file in ("log.txt", "best_model.npz")
    }


def test_only_what_has_changed_is_copied_again(url: str, experiments: Path) -> None:
    bucket = Bucket(url)
    bucket.copy(experiments)
    assert bucket.copy(experiments) == []
    with (experiments / "walk-2" / "log.txt").open("a") as log:
        log.write("more\n")
    [copied] = bucket.copy(experiments)
    assert copied.endswith("walk-2/log.txt")
    assert content(url)["walk-2/log.txt"] == b"walk-2\nmore\n"


def test_a_new_master_copies_only_what_the_last_one_had_not(url: str, experiments: Path) -> None:
    Bucket(url).copy(experiments)
    changed = experiments / "walk-1" / "log.txt"
    changed.write_text("WALK-1\n")  # of the same size
    later = changed.stat().st_mtime + 5
    os.utime(changed, (later, later))
    [copied] = Bucket(url).copy(experiments)
    assert copied.endswith("walk-1/log.txt")
    assert content(url)["walk-1/log.txt"] == b"WALK-1\n"


def test_what_is_removed_here_stays_there(url: str, experiments: Path) -> None:
    bucket = Bucket(url)
    bucket.copy(experiments)
    (experiments / "walk-1" / "best_model.npz").unlink()
    assert bucket.copy(experiments) == []
    assert "walk-1/best_model.npz" in content(url)


def test_a_url_that_leads_nowhere_is_named() -> None:
    with pytest.raises(StartupError, match="SEEDCAST_ARTIFACTS: 'nowhere://bucket'"):
        Bucket("nowhere://bucket")


def test_trouble_is_logged_once_and_ends(
    experiments: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "bucket"
    in_the_way.touch()
    mirror = Mirror(Bucket(f"file://{in_the_way}"), experiments)
    caplog.set_level(logging.INFO)
    asyncio.run(mirror.round())
    asyncio.run(mirror.round())
    in_the_way.unlink()
    asyncio.run(mirror.round())
    first, second = (record.message for record in caplog.records)
    assert first.startswith("artifacts could not be copied, which is tried again: ")
    assert second == "artifacts are copied again"
    assert len(content(f"file://{in_the_way}")) == 4

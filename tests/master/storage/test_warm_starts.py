"""Which files an experiment may be started from."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from seedcast.services.master.storage import warm_starts
from seedcast.services.master.storage.artifacts import Artifacts
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.warm_starts import load_warm_start
from seedcast.shared.errors import InvalidInput, NotFound
from tests.shared.test_model import MODEL


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "experiments" / "e" / "checkpoints").mkdir(parents=True)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    for path in ("experiments/e/best_model.npz", "models/m.npz", "models/mine/n.npz", "m.npz"):
        (tmp_path / path).write_bytes(MODEL.to_bytes())
    return tmp_path


@pytest.mark.parametrize("name", ["experiments/e/best_model.npz", "models/m.npz", "models/mine/n.npz"])
def test_models_of_experiments_and_those_put_there_are_loaded(root: Path, name: str) -> None:
    np.testing.assert_array_equal(load_warm_start(root, name).parameters, MODEL.parameters)


@pytest.mark.parametrize(
    "name",
    [
        "m.npz",
        "seedcast.db",
        "database/seedcast.db",
        "database/seedcast.npz",
        "experiments/e/checkpoints/m.npz",
        "experiments/m.npz",
        "models/../m.npz",
        "experiments/../database/seedcast.npz",
        "experiments/../m.npz",
        "/models/m.npz",
        "models/m.npz/..",
        "models",
        "models/.npz/",
        "models/a\0.npz",
        "../models/m.npz",
    ],
)
def test_nothing_else_is_even_opened(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    real = os.open

    def noted(path: object, flags: int, *arguments: int, **named: int) -> int:
        opened.append(path)
        return real(path, flags, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", noted)
    with pytest.raises(InvalidInput, match="warm_start"):
        load_warm_start(root, name)
    assert not [path for path in opened if str(path).endswith((".npz", ".db"))]


def test_links_and_pipes_and_folders_are_no_files(root: Path) -> None:
    (root / "models" / "link.npz").symlink_to(root / "m.npz")
    (root / "models" / "folder").symlink_to(root)
    os.mkfifo(root / "models" / "pipe.npz")
    (root / "models" / "sub.npz").mkdir()
    for name in ("link.npz", "folder/m.npz", "pipe.npz", "sub.npz"):
        with pytest.raises(InvalidInput, match="there is no such file"):
            load_warm_start(root, f"models/{name}")


def test_what_is_too_large_packed_or_unpacked_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(root / "models" / "bomb.npz", parameters=np.zeros(100_000, np.float32))
    assert (root / "models" / "bomb.npz").stat().st_size < 5_000
    monkeypatch.setattr(warm_starts, "LARGEST_BYTES", 50_000)
    with pytest.raises(InvalidInput, match="over the limit of 50000"):
        load_warm_start(root, "models/bomb.npz")


def test_what_is_no_model_is_refused(root: Path) -> None:
    (root / "models" / "text.npz").write_text("nothing")
    with pytest.raises(InvalidInput, match="is not a model file"):
        load_warm_start(root, "models/text.npz")


def test_artifacts_are_regular_files_only(root: Path) -> None:
    folder = root / "experiments" / "e"
    (folder / "secret.txt").symlink_to(root / "m.npz")
    os.mkfifo(folder / "pipe.txt")
    artifacts = Artifacts(folder)
    assert [artifact.name for artifact in artifacts.list()] == ["best_model.npz"]
    for name in ("secret.txt", "pipe.txt"):
        with pytest.raises(NotFound):
            artifacts.open(name)


INSERT = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("CREATE TABLE t (x)")
database.execute("INSERT INTO t VALUES (42)")
os._exit(0)  # as a kill would: the log stays
"""


def test_a_database_of_an_earlier_version_moves_with_what_is_only_in_its_log(tmp_path: Path) -> None:
    old = tmp_path / "seedcast.db"
    subprocess.run([sys.executable, "-c", INSERT, str(old)], check=True)
    assert (tmp_path / "seedcast.db-wal").stat().st_size > 0
    folder = DataFolder(tmp_path)
    try:
        assert folder.database == tmp_path / "database" / "seedcast.db"
        assert not list(tmp_path.glob("seedcast.db*"))
        with closing(sqlite3.connect(folder.database)) as database:
            assert database.execute("SELECT x FROM t").fetchall() == [(42,)]
    finally:
        folder.close()


def test_a_database_that_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", INSERT, str(tmp_path / "seedcast.db")], check=True)
    DataFolder(tmp_path).close()
    shutil.copy(tmp_path / "database" / "seedcast.db", tmp_path / "seedcast.db")
    with closing(sqlite3.connect(tmp_path / "database" / "seedcast.db")) as database, database:
        database.execute("INSERT INTO t VALUES (43)")
    DataFolder(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "database" / "seedcast.db")) as database:
        assert database.execute("SELECT x FROM t").fetchall() == [(42,), (43,)]

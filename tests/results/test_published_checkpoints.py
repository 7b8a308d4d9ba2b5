"""A data folder in results/ is that of a run that has not ended, and any machine goes on with it."""

from __future__ import annotations

import tarfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes import eventually, master, worker

CHECKPOINTS = sorted((Path(__file__).parents[2] / "results").glob("*/checkpoint.tar.xz"))


@pytest.mark.slow
@pytest.mark.parametrize("archive", CHECKPOINTS, ids=lambda archive: archive.parent.name)
def test_a_published_run_goes_on_where_it_was(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "data", filter="data")
    with ExitStack() as stack:
        served = stack.enter_context(worker(tmp_path, slots=2))
        running = stack.enter_context(master(tmp_path, [served.url]))
        (found,) = running.http.get("/experiments").json()["experiments"]
        assert (found["status"], found["generation"] > 0) == ("paused", True)
        assert running.http.post(f"/experiments/{found['id']}/resume").is_success

        def generation() -> int:
            return int(running.http.get(f"/experiments/{found['id']}").json()["generation"])

        eventually(lambda: generation() > found["generation"], seconds=300)

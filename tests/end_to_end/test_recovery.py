"""What breaks is put right: a killed master, and the files of its experiments."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes import PATIENCE, digests, master, submit, wait_for_end, wait_for_lines, worker
from tests.specs import cartpole_values


@pytest.mark.slow
def test_a_killed_warm_started_experiment_goes_on_alone_and_finishes_its_files(tmp_path: Path) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(tmp_path)).url]
        killed_at = {"SEEDCAST_FAILPOINTS": f"generation.after_commit=kill@{1 + 30 + 4}"}
        first = stack.enter_context(master(tmp_path, urls, **killed_at))
        source = submit(first, cartpole_values() | {"stop": {"generations": 1}})
        wait_for_end(first, source)
        model = tmp_path / "data" / "experiments" / source / "best_model.npz"
        warm = cartpole_values() | {"warm_start": f"experiments/{source}/best_model.npz"}
        warm |= {"stop": {"generations": 30}, "test": {"every": 20, "episodes": 5}}
        undisturbed = submit(first, warm)
        assert wait_for_end(first, undisturbed)["status"] == "completed"
        experiment_id = submit(first, warm)
        first.process.wait(PATIENCE)
        model.unlink()
        folder = tmp_path / "data" / "experiments" / experiment_id
        (folder / "log.txt").write_text("half a li")
        second = stack.enter_context(master(tmp_path, urls))
        experiment = wait_for_end(second, experiment_id)
        assert (experiment["status"], experiment["generation"]) == ("completed", 30)
        assert digests(second, experiment_id) == digests(second, undisturbed)
        rows = second.http.get(f"/experiments/{experiment_id}/generations").json()["generations"]
        (resumed,) = (row["generation"] for row in rows if row["resumed"])
        assert resumed == 5
        wait_for_lines(second, experiment_id, "log.txt", 30)
        wait_for_lines(second, experiment_id, "scores.csv", 1 + 2)
        assert (folder / "warm_start.npz").exists()

"""Results in a bucket, while it trains and after."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes import eventually, master, submit, wait_for_end, worker
from tests.specs import cartpole_values


@pytest.mark.slow
def test_an_experiments_artifacts_come_to_the_bucket(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with ExitStack() as stack:
        url = stack.enter_context(worker(tmp_path)).url
        server = stack.enter_context(master(tmp_path, [url], SEEDCAST_ARTIFACTS=f"file://{bucket}"))
        experiment = submit(server, cartpole_values())
        wait_for_end(server, experiment)
        names = {
            row["name"] for row in server.http.get(f"/experiments/{experiment}/artifacts").json()["artifacts"]
        }
        assert {"best_model.npz", "config.yaml", "scores.csv"} <= names
        copies = bucket / experiment
        originals = tmp_path / "data" / "experiments" / experiment
        eventually(
            lambda: all(
                (copies / name).is_file() and (copies / name).read_bytes() == (originals / name).read_bytes()
                for name in names
            )
        )

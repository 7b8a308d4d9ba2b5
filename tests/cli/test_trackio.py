"""`seedcast track` into Trackio, offline, read back by Trackio itself: `make test-trackio`.

It wants an older Pillow than the lock has (12, not 13), and so has a folder of its own; elsewhere this is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seedcast import Client
from tests.cli.test_track import GENERATIONS, TESTED, track
from tests.processes import Server, submit, wait_for_end
from tests.specs import cartpole_values

pytest.importorskip("trackio")

READ = """
import json, sys
from trackio.sqlite_storage import SQLiteStorage
runs, config = SQLiteStorage.get_runs("seedcast"), SQLiteStorage.get_run_config("seedcast", sys.argv[1])
logs = SQLiteStorage.get_logs("seedcast", sys.argv[1])
print(json.dumps({"runs": runs, "config": config, "logs": logs}, default=str))
"""


def kept(folder: Path, run: str) -> dict[str, Any]:
    """Return what Trackio has of a run in a folder."""
    environment = os.environ | {"TRACKIO_DIR": str(folder)}
    command = [sys.executable, "-c", READ, run]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def test_trackio_gets_one_run_whose_figures_stand_at_their_generations(cluster: Server, tmp_path: Path) -> None:
    experiment = submit(cluster, cartpole_values() | {"stop": {"generations": GENERATIONS}})
    wait_for_end(cluster, experiment)
    with Client(cluster.url) as client:
        means = [(one.generation, one.returns.mean) for one in client.generations(experiment)]
    folder = tmp_path / "trackio"
    track(cluster, experiment, "trackio:seedcast", tmp_path, TRACKIO_DIR=str(folder), HF_HUB_OFFLINE="1")
    found = kept(folder, experiment)
    assert [(row["step"], row["returns/mean"]) for row in found["logs"] if "returns/mean" in row] == means
    assert [row["step"] for row in found["logs"] if "test/returns/mean" in row] == TESTED
    assert found["config"]["strategy.name"] == "pgpe"
    # As if it had been killed before it kept how far it was: told once more, it is the same run.
    (tmp_path / "again").mkdir()
    track(cluster, experiment, "trackio:seedcast", tmp_path / "again", TRACKIO_DIR=str(folder), HF_HUB_OFFLINE="1")
    assert kept(folder, experiment)["runs"] == [experiment]

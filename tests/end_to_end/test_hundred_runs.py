"""A hundred runs through their whole life by the command, over a kill of the master: nothing is left behind.

Five of them, in the suite; `make test-hundred` takes all.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import yaml

from seedcast import Client
from tests.cli.test_specs import seedcast
from tests.processes import eventually, master, worker
from tests.specs import cartpole_values

RUNS = int(os.environ.get("RUNS", "5"))


@pytest.mark.slow
@pytest.mark.timeout(1100)
def test_a_hundred_runs_are_submitted_watched_paused_resumed_cloned_compared_and_deleted(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump(cartpole_values() | {"population_size": 8, "stop": {"generations": 8}}))

    with ExitStack() as stack:
        one = stack.enter_context(worker(tmp_path, slots=2))
        server = stack.enter_context(master(tmp_path, [one.url]))

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            done = seedcast(*arguments, SEEDCAST_URL=server.url)
            assert "Traceback" not in done.stderr
            return done

        submitted = run("submit", *[str(config)] * RUNS)
        assert submitted.returncode == 0, submitted.stderr
        ids = submitted.stdout.split()
        assert len(set(ids)) == RUNS

        paused = [line.partition(":")[0] for line in run("pause", *ids[-max(2, RUNS // 10) :]).stdout.splitlines()]
        server.kill()
        server = stack.enter_context(master(tmp_path, [one.url]))
        with Client(server.url) as client:
            before = {row.id: row.status for row in client.experiments()}
            assert set(before) == set(ids)
            assert {before[id_] for id_ in paused} <= {"paused"}
        if paused:
            assert run("resume", *paused).returncode == 0
        events = [json.loads(line) for line in run("watch", ids[0], "--json").stdout.splitlines()]
        assert [event["generation"] for event in events if event["event"] == "generation"] == list(range(1, 9))

        clone = run("clone", ids[0], "-o", "seed=9", "--model", "best_model.npz").stdout.strip()
        with Client(server.url) as client:
            eventually(lambda: not client.experiments(status=["active"]), seconds=600)
            ended = client.experiments()
            assert {row.status for row in ended} == {"completed"}
            assert {row.generation for row in ended} == {8}
            same = {client.generations(id_)[-1].parameters_sha256 for id_ in ids}
            assert len(same) == 1  # one specification, one result: paused, killed, alone or among a hundred

        compared = json.loads(run("compare", clone, *ids[:3], "--json").stdout)
        assert {row["id"] for row in compared} == {clone, *ids[:3]}
        assert run("delete", clone, *ids).returncode == 0
        assert json.loads(run("list", "--json").stdout) == []
        folder = tmp_path / "data"
        eventually(lambda: not list((folder / "experiments").iterdir()))
        server.stop()
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert [name for name in left if not name.startswith("database/")] == ["seedcast.lock"]
    with closing(sqlite3.connect(folder / "database" / "seedcast.db")) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            if not name.startswith("sqlite_"):
                assert database.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,), name  # noqa: S608

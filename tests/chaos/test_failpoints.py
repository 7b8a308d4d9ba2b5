"""The master is killed at every named place of its commits, and learns what an undisturbed one learns."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self, cast

import httpx
import pytest

from seedcast.services.master import failpoints
from seedcast.services.master.failpoints import FAILPOINTS
from seedcast.shared.errors import StartupError
from tests.forge import Forged, start
from tests.processes import (
    PATIENCE,
    PYTHONPATH,
    Server,
    digests,
    eventually,
    free_port,
    submit,
    wait_for_end,
    wait_for_lines,
    worker,
)
from tests.specs import cartpole_values

SMALL = cartpole_values() | {
    "population_size": 8,
    "episodes_per_member": 1,
    "test": {"every": 2, "episodes": 3},
    "stop": {"generations": 45},
}
LARGE = SMALL | {
    "environment": {"id": "CartPole-v1", "max_episode_steps": 20},
    "policy": {"name": "mlp", "hidden": [90], "normalise_observations": True},
    "strategy": {"name": "cma_es"},
    "episode_seeds": "generation",
    "test": {"every": 10, "episodes": 3},
    "stop": {"generations": 30},
}
"""Its checkpoints are too large to be written after every generation."""

SUBMITTING = ("submission.before_commit", "submission.after_commit")
DAMAGED = ("resume.before_roll_back", "resume.after_roll_back")
REPLAYING = ("resume.during_replay",)
ENDING = ("end.before_status", "end.before_commit", "end.after_status", "derived.after_files")
DELETING = ("deletion.before_files", "deletion.before_rows")
RUNNING = tuple(name for name in FAILPOINTS if name not in (*SUBMITTING, *DAMAGED, *REPLAYING, *ENDING, *DELETING))


class Masters:
    """Masters on one data folder, one after the other."""

    def __init__(self, folder: Path, workers: list[str]) -> None:
        self.data = folder / "data"
        self._log = folder / "master.log"
        self._settings = {"SEEDCAST_DATA": str(self.data), "SEEDCAST_WORKERS": ",".join(workers)}
        self.http = httpx.Client()

    def start(self, armed: str = "") -> Forged:
        port = free_port()
        self.http.close()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False)
        armed_so = {"SEEDCAST_PORT": str(port), "SEEDCAST_FAILPOINTS": armed}
        environment = os.environ | {"PYTHONPATH": PYTHONPATH} | self._settings | armed_so
        with self._log.open("ab") as log:
            return start(["seedcast.services.master"], environment, Path.cwd(), log.fileno(), log.fileno())

    def dies_at(self, place: str, hit: int = 1) -> None:
        """Start a master that dies at a place, and see it die there."""
        self.died(self.start(f"{place}=kill@{hit}"), place)

    def died(self, master: Forged, place: str) -> None:
        try:
            assert master.wait(PATIENCE) == -signal.SIGKILL, self._log.read_text()[-2000:]
        except subprocess.TimeoutExpired:
            pytest.fail(f"{place} was not reached")
        finally:
            master.kill()

    @property
    def server(self) -> Server:
        """What the helpers of `tests.processes` ask of a server, which is its `http`."""
        return cast(Server, self)

    def ready(self) -> bool:
        try:
            return self.http.get("/readyz").is_success
        except httpx.HTTPError:
            return False

    @contextmanager
    def alive(self) -> Iterator[Self]:
        """Start a master that lives until the block ends."""
        master = self.start()
        try:
            eventually(self.ready)
            yield self
        finally:
            master.terminate()
            master.wait(PATIENCE)

    def submitted_into(self, place: str) -> None:
        """Submit to a master that dies of it."""
        master = self.start(f"{place}=kill")
        eventually(self.ready)
        with pytest.raises(httpx.HTTPError):
            self.http.post("/experiments", json=SMALL)
        self.died(master, place)

    def deleted_into(self, experiment_id: str, place: str) -> None:
        """Delete an experiment of a master that dies of it."""
        master = self.start(f"{place}=kill")
        eventually(self.ready)
        with suppress(httpx.HTTPError):  # the answer may be faster
            assert self.http.delete(f"/experiments/{experiment_id}").status_code == 204
        self.died(master, place)

    def rows(self, experiment_id: str) -> int:
        """Count what the database has of an experiment."""
        with closing(sqlite3.connect(self.data / "database" / "seedcast.db")) as database:
            queries = [
                "SELECT count(*) FROM experiments WHERE id = ?",
                "SELECT count(*) FROM generations WHERE experiment_id = ?",
                "SELECT count(*) FROM tests WHERE experiment_id = ?",
                "SELECT count(*) FROM checkpoints WHERE experiment_id = ?",
                "SELECT count(*) FROM fingerprints WHERE experiment_id = ?",
            ]
            return sum(database.execute(query, (experiment_id,)).fetchone()[0] for query in queries)

    def damage_the_newest_checkpoint(self, experiment_id: str) -> None:
        with closing(sqlite3.connect(self.data / "database" / "seedcast.db")) as database:
            query = "SELECT file FROM checkpoints WHERE experiment_id = ? ORDER BY generation DESC LIMIT 1"
            (name,) = database.execute(query, (experiment_id,)).fetchone()
        path = self.data / "experiments" / experiment_id / "checkpoints" / name
        path.write_bytes(path.read_bytes()[:-1])


@pytest.fixture
def masters(tmp_path: Path) -> Iterator[Masters]:
    with worker(tmp_path) as one:
        yield Masters(tmp_path, [one.url])


def calm(masters: Masters, spec: dict[str, Any]) -> list[str]:
    """Run an experiment undisturbed and return the digest after each generation."""
    with masters.alive():
        experiment_id = submit(masters.server, spec)
        assert wait_for_end(masters.server, experiment_id)["status"] == "completed"
        return digests(masters.server, experiment_id)


def disturbed(masters: Masters, experiment_id: str) -> list[str]:
    """See an experiment end and return the same."""
    with masters.alive():
        experiment = wait_for_end(masters.server, experiment_id)
        assert (experiment["status"], experiment["reason"][:3]) == ("completed", "all")
        wait_for_lines(masters.server, experiment_id, "log.txt", experiment["generation"])
        return digests(masters.server, experiment_id)


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_a_master_killed_at_any_named_place_goes_on_as_if_nothing_had_happened(masters: Masters) -> None:
    reference = calm(masters, SMALL)
    masters.submitted_into(SUBMITTING[0])
    with masters.alive():
        assert len(masters.http.get("/experiments").json()["experiments"]) == 1
    masters.submitted_into(SUBMITTING[1])
    with masters.alive():
        experiment_id = masters.http.get("/experiments").json()["experiments"][0]["id"]
    for place in RUNNING:
        masters.dies_at(place, hit=2 if place.startswith("generation") else 1)
    masters.damage_the_newest_checkpoint(experiment_id)
    for place in DAMAGED:
        masters.dies_at(place)
    for place in ENDING:
        masters.dies_at(place)
    assert disturbed(masters, experiment_id) == reference
    masters.deleted_into(experiment_id, DELETING[0])
    masters.dies_at(DELETING[1])
    with masters.alive():
        assert masters.http.get(f"/experiments/{experiment_id}").status_code == 404
        eventually(lambda: not (masters.data / "experiments" / experiment_id).exists())
        eventually(lambda: masters.rows(experiment_id) == 0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_generations_between_two_checkpoints_are_replayed_whenever_the_master_dies(masters: Masters) -> None:
    reference = calm(masters, LARGE)
    with masters.alive():
        experiment_id = submit(masters.server, LARGE)
        eventually(lambda: masters.http.get(f"/experiments/{experiment_id}").json()["generation"] >= 3)
    for place, hit in ((REPLAYING[0], 1), ("generation.before_commit", 3), (REPLAYING[0], 3)):
        masters.dies_at(place, hit)
    for place in ("generation.after_commit", "checkpoint.half_written", "checkpoint.after_directory_fsync"):
        masters.dies_at(place)
    assert disturbed(masters, experiment_id) == reference
    with closing(sqlite3.connect(masters.data / "database" / "seedcast.db")) as database:
        (written,) = database.execute(
            "SELECT count(*) FROM checkpoints WHERE experiment_id = ?", (experiment_id,)
        ).fetchone()
    assert written == 2  # after generations 1 and 26


def test_an_unknown_failpoint_is_refused_by_name() -> None:
    with pytest.raises(StartupError, match=r"'nowhere=kill' is not NAME=kill.*checkpoint\.before_write"):
        failpoints.arm("nowhere=kill")
    with pytest.raises(StartupError, match="before_write"):
        failpoints.arm("checkpoint.before_write=explode")


def test_a_failpoint_strikes_only_when_it_is_told_to() -> None:
    failpoints.arm("artifact.before_write=error@2-3")
    try:
        failpoints.reach("artifact.before_write")
        for _ in range(2):
            with pytest.raises(OSError, match="No space left on device"):
                failpoints.reach("artifact.before_write")
        failpoints.reach("artifact.before_write")
        with pytest.raises(LookupError):
            failpoints.reach("artifact.unheard_of")
    finally:
        failpoints.arm("")

"""Studies in the database, and how their runs stand."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from seedcast.services.master.experiments.status import Status
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import SIGN
from seedcast.services.master.studies.plan import Run, RunKey, RunState
from seedcast.services.master.studies.schemas import Study, StudyStatus
from seedcast.shared.errors import NotFound
from seedcast.shared.spec.study import StudySpec

TARGET = "coalesce(spec ->> '$.stop.test_return', spec ->> '$.stop.value')"
_STUDIES = """
SELECT studies.*, (SELECT count(*) FROM study_runs WHERE study_id = studies.id) AS runs,
    (SELECT coalesce(sum(core_seconds), 0) FROM experiments JOIN study_runs ON experiments.id = experiment_id
    WHERE study_id = studies.id) AS core_seconds
FROM studies
"""
_RUNS = f"""
SELECT {SIGN} AS sign, trial, seed, experiment_id, study_runs.reason AS refusal, experiments.reason, status,
    environment_steps, elapsed_seconds, core_seconds, best_test_return,
    spec ->> '$.stop.environment_steps' AS stop_steps,
    status = 'completed' AND environment_steps < spec ->> '$.stop.environment_steps'
    AND generation < spec ->> '$.stop.generations'
    AND coalesce({SIGN} * best_test_return < {SIGN} * {TARGET}, 1)
    AND coalesce(elapsed_seconds < spec ->> '$.stop.wall_time_seconds', 1) AS cut_short
FROM study_runs LEFT JOIN experiments ON experiments.id = experiment_id AND status != 'deleted'
WHERE study_id = ? ORDER BY trial, seed
"""  # noqa: S608 - our own names
_TESTS = """
SELECT trial, seed, record ->> '$.environment_steps' AS steps, record ->> '$.returns.mean' AS score,
    record ->> '$.elapsed_seconds' AS seconds, record ->> '$.training_core_seconds' AS core_seconds
FROM tests JOIN study_runs ON tests.experiment_id = study_runs.experiment_id
WHERE study_id = ? ORDER BY trial, seed, generation
"""


@dataclass(frozen=True)
class TestPoint:
    """One test of a run: what had been used before it, and what it came to."""

    environment_steps: int
    elapsed_seconds: float
    core_seconds: float
    score: float


@dataclass(frozen=True)
class RunRow:
    """All that the database says of a run."""

    experiment_id: str | None
    state: RunState
    reason: str
    environment_steps: int
    stop_steps: int
    elapsed_seconds: float
    core_seconds: float
    best_score: float | None
    cut_short: bool = False
    sign: int = 1
    """What its scores are multiplied by so that larger is better."""
    tests: tuple[TestPoint, ...] = ()

    def planned(self) -> Run:
        """Return what planning has to know of it."""
        points = [(test.environment_steps, self.sign * test.score) for test in self.tests]
        return Run(self.state, self.environment_steps, self.stop_steps, self.core_seconds, self.cut_short, points)


class StudyRepository:
    """Reads and writes studies; their runs are experiments, which their own repository writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, study_id: str, spec: StudySpec, key: str | None = None) -> None:
        """Add a study, active, with the idempotency key of its submission, if it has one.

        Raises:
            StorageFailed: the disk does not take it; there is no such study then.
        """
        row = (study_id, spec.model_dump_json(), StudyStatus.ACTIVE, datetime.now(UTC).isoformat(), key)
        query = "INSERT INTO studies (id, spec, status, created_at, key) VALUES (?, ?, ?, ?, ?)"
        await self._database.write(lambda connection: connection.execute(query, row))

    async def get(self, study_id: str) -> Study:
        """Return one study.

        Raises:
            NotFound: there is no such study.
        """
        study = await self._where("id", study_id)
        if study is None:
            raise NotFound(f"there is no study {study_id!r}")
        return study

    async def of_key(self, key: str) -> Study | None:
        """Return the study of an idempotency key that was used, if it was."""
        return await self._where("key", key)

    async def _where(self, column: Literal["id", "key"], value: str) -> Study | None:
        query = f"{_STUDIES} WHERE {column} = ?"
        row = await self._database.read(lambda connection: connection.execute(query, (value,)).fetchone())
        return None if row is None else _study(row)

    async def list(self) -> list[Study]:
        """Return all studies, newest first."""
        query = f"{_STUDIES} ORDER BY studies.rowid DESC"
        rows = await self._database.read(lambda connection: connection.execute(query).fetchall())
        return [_study(row) for row in rows]

    async def settle(self, study_id: str, status: StudyStatus, reason: str) -> None:
        """Store how a study ended.

        Raises:
            StorageFailed: the disk does not take it; it is still active.
        """
        query = "UPDATE studies SET status = ?, reason = ?, finished_at = ? WHERE id = ? AND status = 'active'"
        row = (status, reason, datetime.now(UTC).isoformat(), study_id)
        await self._database.write(lambda connection: connection.execute(query, row))

    async def add_run(self, study_id: str, key: RunKey, experiment_id: str | None, reason: str = "") -> None:
        """Note which experiment a run is, or why it could not be begun; a second time changes nothing.

        Raises:
            StorageFailed: the disk does not take it.
        """
        query = "INSERT OR IGNORE INTO study_runs VALUES (?, ?, ?, ?, ?)"
        row = (study_id, key.trial, key.seed, experiment_id, reason)
        await self._database.write(lambda connection: connection.execute(query, row))

    async def runs(self, study_id: str, *, with_tests: bool) -> dict[RunKey, RunRow]:
        """Return how every run of a study stands, all of one moment."""

        def query(connection: sqlite3.Connection) -> dict[RunKey, RunRow]:
            tests = dict[RunKey, list[TestPoint]]()
            for row in connection.execute(_TESTS, (study_id,)) if with_tests else ():
                point = TestPoint(row["steps"], row["seconds"], row["core_seconds"] or 0.0, row["score"])
                tests.setdefault(RunKey(row["trial"], row["seed"]), []).append(point)
            found = {}
            for row in connection.execute(_RUNS, (study_id,)):
                key = RunKey(row["trial"], row["seed"])
                found[key] = _run(row, tuple(tests.get(key, ())))
            return found

        return await self._database.read(query)

    async def remove(self, study_id: str) -> None:
        """Remove a study and its list of runs; the experiments stay.

        Raises:
            StorageFailed: the disk does not take it.
        """
        query = "DELETE FROM studies WHERE id = ?"
        await self._database.write(lambda connection: connection.execute(query, (study_id,)))


def _study(row: sqlite3.Row) -> Study:
    spec = StudySpec.model_validate_json(row["spec"])
    return Study(
        id=row["id"],
        name=spec.name,
        status=StudyStatus(row["status"]),
        reason=row["reason"],
        created_at=datetime.fromisoformat(row["created_at"]),
        finished_at=row["finished_at"] and datetime.fromisoformat(row["finished_at"]),
        runs=row["runs"],
        most_runs=spec.trial_count * len(spec.seed_list),
        core_hours=row["core_seconds"] / 3600,
        spec=spec,
    )


def _run(row: sqlite3.Row, tests: tuple[TestPoint, ...]) -> RunRow:
    if row["experiment_id"] is None:
        return RunRow(None, RunState.FAILED, row["refusal"], 0, 0, 0.0, 0.0, None)
    if row["status"] is None:
        return RunRow(row["experiment_id"], RunState.STOPPED, "its experiment was deleted", 0, 0, 0.0, 0.0, None)
    return RunRow(
        experiment_id=row["experiment_id"],
        state=_STATES.get(Status(row["status"]), RunState.ACTIVE),
        reason=row["reason"],
        environment_steps=row["environment_steps"],
        stop_steps=int(row["stop_steps"] or 0),
        elapsed_seconds=row["elapsed_seconds"],
        core_seconds=row["core_seconds"],
        best_score=row["best_test_return"],
        cut_short=bool(row["cut_short"]),
        sign=row["sign"],
        tests=tests,
    )


_STATES = {
    Status.COMPLETED: RunState.COMPLETED,
    Status.STOPPED: RunState.STOPPED,
    Status.FAILED: RunState.FAILED,
}
"""All others are active: a paused run goes on when it is resumed, and its study waits for it."""

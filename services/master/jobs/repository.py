"""Jobs in the database."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from seedcast.services.master.jobs.schemas import (
    EvaluationRequest,
    Job,
    JobRequest,
    JobResult,
    JobStatus,
    Kind,
    VideoRequest,
)
from seedcast.services.master.storage.database import Database
from seedcast.shared.errors import NotFound

KEPT = 1000
"""Of an experiment's jobs the newest ones that have ended."""


class JobRepository:
    """Reads and writes the table of jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, experiment_id: str, kind: Kind, request: JobRequest) -> Job:
        """Add a pending job, and forget the oldest of those that have ended.

        Raises:
            StorageFailed: the disk does not take it; there is no such job then.
        """
        row = (experiment_id, kind, request.model_dump_json(), JobStatus.PENDING, _now())

        def change(connection: sqlite3.Connection) -> int:
            connection.execute(
                "DELETE FROM jobs WHERE experiment_id = ?1 AND status IN ('done', 'failed') AND number <= ("
                "SELECT number FROM jobs WHERE experiment_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
                (experiment_id, KEPT),
            )
            query = "INSERT INTO jobs (experiment_id, kind, request, status, created_at) VALUES (?, ?, ?, ?, ?)"
            return int(connection.execute(query, row).lastrowid or 0)

        return await self.get(experiment_id, await self._database.write(change))

    async def get(self, experiment_id: str, number: int) -> Job:
        """Return a job.

        Raises:
            NotFound: the experiment has no such job.
        """
        found = await self._select("experiment_id = ? AND number = ?", experiment_id, number)
        if not found:
            raise NotFound(f"{experiment_id} has no job {number}")
        return found[0]

    async def of_experiment(self, experiment_id: str, limit: int) -> list[Job]:
        """Return an experiment's jobs, newest first."""
        return await self._select("experiment_id = ? ORDER BY number DESC LIMIT ?", experiment_id, limit)

    async def unfinished(self) -> list[Job]:
        """Return the jobs that an earlier master left, oldest first; those of deleted experiments are none."""
        return await self._select(
            "status IN ('pending', 'running') AND experiment_id IN "
            "(SELECT id FROM experiments WHERE status != 'deleted') ORDER BY number"
        )

    async def begin(self, number: int) -> None:
        """Note that a job runs."""
        query = "UPDATE jobs SET status = 'running' WHERE number = ?"
        await self._database.write(lambda connection: connection.execute(query, (number,)))

    async def end(self, number: int, result: JobResult | None, reason: str = "") -> None:
        """Store what came of a job, or why nothing did.

        Raises:
            StorageFailed: the disk does not take it.
        """
        status = JobStatus.FAILED if result is None else JobStatus.DONE
        query = "UPDATE jobs SET status = ?, reason = ?, result = ?, finished_at = ? WHERE number = ?"
        row = (status, reason, result and result.model_dump_json(), _now(), number)
        await self._database.write(lambda connection: connection.execute(query, row))

    async def _select(self, where: str, *values: str | int) -> list[Job]:
        query = f"SELECT * FROM jobs WHERE {where}"  # noqa: S608 - our own words
        rows = await self._database.read(lambda connection: connection.execute(query, values).fetchall())
        return [_job(row) for row in rows]


def _job(row: sqlite3.Row) -> Job:
    evaluation = row["kind"] == "evaluation"
    kind = EvaluationRequest if evaluation else VideoRequest
    request = kind.model_validate_json(row["request"])
    return Job(
        number=row["number"],
        experiment_id=row["experiment_id"],
        kind=row["kind"],
        status=row["status"],
        reason=row["reason"],
        model=request.model,
        seed=request.seed,
        episodes=request.episodes if isinstance(request, EvaluationRequest) else 1,
        result=JobResult.model_validate_json(row["result"]) if row["result"] else None,
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()

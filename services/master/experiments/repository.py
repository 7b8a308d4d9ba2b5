"""Experiments in the database."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from services.master.experiments.schemas import Experiment
from services.master.experiments.status import ACTIVE, Status
from services.master.storage.database import Database
from shared.errors import Conflict, NotFound
from shared.spec.environment import EnvironmentDescription
from shared.spec.experiment import ExperimentSpec
from shared.spec.policy import build_policy


class ExperimentRepository:
    """Reads and writes the table of experiments. Counters are written by the commit of a generation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, experiment_id: str, spec: ExperimentSpec, description: EnvironmentDescription | None
    ) -> None:
        """Add a new experiment, pending."""
        row = (
            experiment_id,
            spec.name,
            spec.model_dump_json(exclude_unset=True),
            description.model_dump_json() if description else None,
            Status.PENDING,
            _now(),
        )
        query = (
            "INSERT INTO experiments (id, name, spec, description, status, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        )
        await self._database.write(lambda connection: connection.execute(query, row))

    async def get(self, experiment_id: str) -> Experiment:
        """Return one experiment.

        Raises:
            NotFound: there is no such experiment.
        """
        query = "SELECT * FROM experiments WHERE id = ?"
        row = await self._database.read(lambda connection: connection.execute(query, (experiment_id,)).fetchone())
        if row is None:
            raise NotFound(f"there is no experiment {experiment_id!r}")
        return _experiment(row)

    async def list(self) -> list[Experiment]:
        """Return all experiments, newest first."""
        query = "SELECT * FROM experiments ORDER BY created_at DESC, id"
        rows = await self._database.read(lambda connection: connection.execute(query).fetchall())
        return [_experiment(row) for row in rows]

    async def describe(self, experiment_id: str, description: EnvironmentDescription) -> None:
        """Keep what a worker said of the environment."""
        query = "UPDATE experiments SET description = ? WHERE id = ?"
        row = (description.model_dump_json(), experiment_id)
        await self._database.write(lambda connection: connection.execute(query, row))

    async def set_status(self, experiment_id: str, status: Status, reason: str = "") -> None:
        """Move an active experiment on.

        Raises:
            Conflict: it has ended already.
        """
        finished_at = None if status.active else _now()
        active = ", ".join("?" * len(ACTIVE))
        query = (
            "UPDATE experiments SET status = ?, reason = ?, finished_at = ? "  # noqa: S608 - question marks only
            f"WHERE id = ? AND status IN ({active})"
        )
        row = (status, reason, finished_at, experiment_id, *ACTIVE)
        updated = await self._database.write(lambda connection: connection.execute(query, row).rowcount)
        if not updated:
            raise Conflict(f"experiment {experiment_id} has ended already")


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _experiment(row: sqlite3.Row) -> Experiment:
    spec = ExperimentSpec.model_validate_json(row["spec"])
    description = row["description"] and EnvironmentDescription.model_validate_json(row["description"])
    return Experiment(
        id=row["id"],
        name=row["name"],
        status=Status(row["status"]),
        reason=row["reason"],
        generation=row["generation"],
        environment_steps=row["environment_steps"],
        elapsed_seconds=row["elapsed_seconds"],
        best_test_return=row["best_test_return"],
        best_generation=row["best_generation"],
        created_at=datetime.fromisoformat(row["created_at"]),
        finished_at=row["finished_at"] and datetime.fromisoformat(row["finished_at"]),
        dimension=build_policy(spec.policy, description).dimension if description else None,
        description=description,
        spec=spec,
    )

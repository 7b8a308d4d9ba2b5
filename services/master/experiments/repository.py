"""Experiments in the database."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from seedcast.services.master.experiments.prices import NOT_TOLD, Prices
from seedcast.services.master.experiments.rows import ExperimentRow, read_rows
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import ACTIVE, Status
from seedcast.services.master.failpoints import reach
from seedcast.services.master.storage.database import Database
from seedcast.shared.errors import Conflict, NotFound
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.task import TaskDescription, search_space
from seedcast.shared.validation import invalid

log = logging.getLogger(__name__)

DESCRIPTION: TypeAdapter[TaskDescription] = TypeAdapter(TaskDescription)

_REMOVED_AT_A_TIME = 1000
_READ_ONCE = 1024
"""Specifications and descriptions that are kept as they were read: a fifth of a millisecond each."""

_SELECT = (
    "SELECT *, (SELECT json_group_array(fingerprint) FROM (SELECT fingerprint FROM fingerprints "
    "WHERE experiment_id = experiments.id ORDER BY generation, fingerprint)) AS fingerprints FROM experiments"
)


class ExperimentRepository:
    """Reads and writes the table of experiments. Counters are written by the commit of a generation."""

    def __init__(self, database: Database, prices: Prices = NOT_TOLD) -> None:
        self._database = database
        self._prices = prices

    async def add(
        self,
        experiment_id: str,
        spec: ExperimentSpec,
        description: TaskDescription | None,
        key: tuple[str, str] | None = None,
    ) -> None:
        """Add a new experiment, pending, with the idempotency key and digest of its submission, if it has them.

        Raises:
            StorageFailed: the disk does not take it; there is no such experiment then.
        """
        row = (
            experiment_id,
            spec.name,
            spec.model_dump_json(),  # whole: a default that changes later must not change a run midway
            description.model_dump_json() if description else None,
            Status.PENDING,
            _now(),
        )
        query = (
            "INSERT INTO experiments (id, name, spec, description, status, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        )

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(query, row)
            if key is not None:
                connection.execute("INSERT OR REPLACE INTO submissions VALUES (?, ?, ?)", (*key, experiment_id))
            reach("submission.before_commit")

        await self._database.write(change)
        reach("submission.after_commit")

    async def of_key(self, key: str) -> tuple[str, str] | None:
        """Return the digest and the experiment of an idempotency key that was used, if it was."""
        query = (
            "SELECT digest, experiment_id FROM submissions JOIN experiments ON id = experiment_id "
            "WHERE key = ? AND status != 'deleted'"
        )
        row = await self._database.read(lambda connection: connection.execute(query, (key,)).fetchone())
        return None if row is None else (row["digest"], row["experiment_id"])

    async def rows(self) -> list[ExperimentRow]:
        """Return all experiments in few words, newest first; those that cannot be read are left out."""
        return await self._database.read(lambda connection: read_rows(connection, self._prices))

    async def change(
        self, experiment_id: str, spec: ExperimentSpec, note: str | None, *, archived: bool | None = None
    ) -> None:
        """Store a changed specification, and what else is given.

        Raises:
            StorageFailed: the disk does not take it; nothing has changed.
        """
        query = (
            "UPDATE experiments SET name = ?, spec = ?, note = coalesce(?, note), "
            "archived = coalesce(?, archived), files_exact = 0 WHERE id = ?"
        )
        row = (spec.name, spec.model_dump_json(), note, archived, experiment_id)
        await self._database.write(lambda connection: connection.execute(query, row))

    async def get(self, experiment_id: str) -> Experiment:
        """Return one experiment.

        Raises:
            NotFound: there is no such experiment.
            Conflict: its row cannot be read here; say, its strategy's plug-in is no longer installed.
        """
        query = f"{_SELECT} WHERE id = ? AND status != 'deleted'"
        row = await self._database.read(lambda connection: connection.execute(query, (experiment_id,)).fetchone())
        if row is None:
            raise NotFound(f"there is no experiment {experiment_id!r}")
        return self._readable(row)

    async def statuses(self) -> dict[str, Status]:
        """Return what is stored of every experiment's status, newest first, readable or not, deleted or not."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT id, status FROM experiments ORDER BY rowid DESC"
            ).fetchall()
        )
        return {row["id"]: Status(row["status"]) for row in rows}

    async def with_files_behind(self) -> Sequence[str]:
        """Return the ids of ended experiments whose derived files have not been written to the end."""
        query = (
            "SELECT id FROM experiments WHERE NOT files_exact "  # noqa: S608 - question marks only
            f"AND status NOT IN ({', '.join('?' * len(ACTIVE))}, 'deleted') ORDER BY rowid DESC"
        )
        rows = await self._database.read(lambda connection: connection.execute(query, (*ACTIVE,)).fetchall())
        return [row["id"] for row in rows]

    async def note_files_exact(self, experiment_id: str) -> None:
        """Note that the derived files of an experiment say all there is to say, if it has ended."""
        query = (
            "UPDATE experiments SET files_exact = 1 WHERE id = ? "  # noqa: S608 - question marks only
            f"AND status NOT IN ({', '.join('?' * len(ACTIVE))})"
        )
        await self._database.write(lambda connection: connection.execute(query, (experiment_id, *ACTIVE)))

    async def describe(self, experiment_id: str, description: TaskDescription) -> None:
        """Keep what a worker said of the environment."""
        query = "UPDATE experiments SET description = ? WHERE id = ?"
        row = (description.model_dump_json(), experiment_id)
        await self._database.write(lambda connection: connection.execute(query, row))

    async def bind(self, experiment_id: str, fingerprint: str) -> None:
        """Bind an experiment to the machines with a fingerprint, unless it is bound to some already."""
        query = (
            "INSERT INTO fingerprints SELECT ?1, ?2, 0 "
            "WHERE NOT EXISTS (SELECT * FROM fingerprints WHERE experiment_id = ?1)"
        )
        await self._database.write(lambda connection: connection.execute(query, (experiment_id, fingerprint)))

    async def set_status(self, experiment_id: str, status: Status, reason: str = "") -> None:
        """Move an active experiment on.

        Raises:
            Conflict: it has ended already.
        """
        active = ", ".join("?" * len(ACTIVE))
        query = f"UPDATE experiments SET status = ?, reason = ? WHERE id = ? AND status IN ({active})"  # noqa: S608
        row = (status, reason, experiment_id, *ACTIVE)
        updated = await self._database.write(lambda connection: connection.execute(query, row).rowcount)
        if not updated:
            raise Conflict(f"experiment {experiment_id} has ended already")

    async def settle(
        self, experiment_id: str, status: Status, reason: str, elapsed_seconds: float | None = None
    ) -> None:
        """Store where an experiment has come to rest, or that it goes on, in one transaction.

        Only its `Lifecycle` does this: it knows what may follow what.

        Raises:
            StorageFailed: the disk does not take it; nothing has changed.
        """
        finished_at = None if status.active or status is Status.PAUSED else _now()
        query = (
            "UPDATE experiments SET status = ?, reason = ?, finished_at = ?, files_exact = 0, "
            "elapsed_seconds = max(elapsed_seconds, coalesce(?, 0)) WHERE id = ? AND status != 'deleted'"
        )
        row = (status, reason, finished_at, elapsed_seconds, experiment_id)

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(query, row)
            reach("end.before_commit")

        reach("end.before_status")
        await self._database.write(change)
        reach("end.after_status")

    async def remove(self, experiment_id: str) -> None:
        """Remove a deleted experiment's rows, a thousand at a time: commits of others come in between.

        Raises:
            StorageFailed: the disk does not take it; the rest can be removed later.
        """
        for table in ("generations", "tests", "results", "checkpoints", "fingerprints"):
            key = "fingerprint" if table == "fingerprints" else "generation"
            query = (
                f"DELETE FROM {table} WHERE experiment_id = ?1 AND {key} IN "  # noqa: S608 - our own names
                f"(SELECT {key} FROM {table} WHERE experiment_id = ?1 LIMIT {_REMOVED_AT_A_TIME})"
            )
            while await self._changed(query, experiment_id):
                pass
        await self._changed("DELETE FROM experiments WHERE id = ? AND status = 'deleted'", experiment_id)

    async def _changed(self, query: str, experiment_id: str) -> int:
        """Do a change of one experiment's rows; return how many it changed."""
        return await self._database.write(lambda connection: connection.execute(query, (experiment_id,)).rowcount)

    def _readable(self, row: sqlite3.Row) -> Experiment:
        """Return a row as an experiment, or say why it is none."""
        try:
            return _experiment(row, self._prices)
        except ValidationError as error:
            raise Conflict(f"experiment {row['id']} cannot be read: {invalid(error)}") from error
        except Exception as error:  # users' plug-ins take part in reading it
            reason = f"{type(error).__name__}: {error}"
            raise Conflict(f"experiment {row['id']} cannot be read: {reason}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat()


@lru_cache(_READ_ONCE)
def _spec(text: str) -> ExperimentSpec:
    return ExperimentSpec.model_validate_json(text)


@lru_cache(_READ_ONCE)
def _description(text: str) -> TaskDescription:
    return DESCRIPTION.validate_json(text)


def _experiment(row: sqlite3.Row, prices: Prices) -> Experiment:
    spec = _spec(row["spec"])
    fingerprints = json.loads(row["fingerprints"])
    description = row["description"] and _description(row["description"])
    core_hours = row["core_seconds"] / 3600
    return Experiment(
        id=row["id"],
        name=row["name"],
        status=(status := Status(row["status"])),
        active=status.active,
        note=row["note"],
        archived=bool(row["archived"]),
        reason=row["reason"],
        generation=row["generation"],
        environment_steps=row["environment_steps"],
        elapsed_seconds=row["elapsed_seconds"],
        core_hours=core_hours,
        cost=prices.cost(core_hours),
        best_test_return=row["best_test_return"],
        best_generation=row["best_generation"],
        created_at=datetime.fromisoformat(row["created_at"]),
        finished_at=row["finished_at"] and datetime.fromisoformat(row["finished_at"]),
        dimension=search_space(spec, description).dimension if description else None,
        direction="minimise" if description is not None and description.sign < 0 else "maximise",
        description=description,
        fingerprints=fingerprints,
        mixed_fingerprints=len(fingerprints) > 1,
        spec=spec,
    )

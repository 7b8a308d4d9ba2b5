"""The records of generations and tests in the database, and the one transaction that commits a generation."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import astuple
from typing import TypeVar

from seedcast.services.master.failpoints import reach
from seedcast.services.master.storage.checkpoints import KEPT, Checkpoint
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.pages import Between, Table, extremes, last_generation, newest, page, stride
from seedcast.services.master.storage.records import GenerationRecord, TestRecord

T = TypeVar("T")

SIGN = "(CASE description ->> '$.direction' WHEN 'minimise' THEN -1 ELSE 1 END)"
"""In a query of experiments: what a return is multiplied by so that larger is better."""


class History:
    """Generations, tests and checkpoints of all experiments, in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.generations_committed = 0
        """Since the start, by `commit_generation`; those made anew count again."""
        self.tests_committed = 0

    async def look(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Return what ``query`` finds in one snapshot, beside the event loop; it may not write."""
        return await self._database.read(query)

    async def generations(
        self, experiment_id: str, after: int = 0, limit: int = -1, every: int = 1
    ) -> list[GenerationRecord]:
        """Return the records of generations later than ``after``, oldest first, every so-manieth of them."""
        texts = await self.page("generations", experiment_id, after, limit, every)
        return [GenerationRecord.model_validate_json(text) for text in texts]

    async def tests(
        self, experiment_id: str, after: int = -1, limit: int = -1, every: int = 1
    ) -> list[TestRecord]:
        """Return the records of the tests of generations later than ``after``, oldest first."""
        texts = await self.page("tests", experiment_id, after, limit, every)
        return [TestRecord.model_validate_json(text) for text in texts]

    async def page(self, table: Table, experiment_id: str, after: int, limit: int, every: int = 1) -> list[str]:
        """Return records as they are stored, each a JSON text: see `storage.pages.page`."""
        return await self._database.read(
            lambda connection: page(connection, table, experiment_id, after, limit, every)
        )

    async def newest(self, table: Table, experiment_id: str, limit: int) -> list[str]:
        """Return the last ``limit`` records as they are stored, oldest first."""
        return await self._database.read(lambda connection: newest(connection, table, experiment_id, limit))

    async def since(
        self, experiment_id: str, after: int, every: int, most: int, best: int | None
    ) -> tuple[list[str], list[str]]:
        """Return every ``every``-th generation later than ``after``, and tests, both of the same moment.

        Of the tests at most about ``most`` are told, the one of generation ``best`` among them.
        """

        def query(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
            generations = page(connection, "generations", experiment_id, after or -1, most + 2, every)
            step = stride(connection, "tests", experiment_id, most)
            tests = page(connection, "tests", experiment_id, after - 1 if after else -1, most + 2, step)
            if step > 1 and best is not None and best > after:
                tests = _with_test(connection, experiment_id, tests, best)
            return generations, tests

        return await self._database.read(query)

    async def extremes(self, experiment_id: str, every: int, first: int, sign: int) -> dict[int, Between]:
        """Return what thinning by ``every`` would lose, by bucket: see `storage.pages.extremes`."""
        return await self._database.read(
            lambda connection: extremes(connection, experiment_id, every, first, sign)
        )

    async def extent(self, experiment_id: str, most: int) -> tuple[int | None, int | None, int]:
        """Return how far a history goes: the generations of its last record and its last test, None without one.

        And of how many generations one is told, for at most ``most`` to be told.
        """
        return await self._database.read(
            lambda connection: (
                last_generation(connection, "generations", experiment_id),
                last_generation(connection, "tests", experiment_id),
                stride(connection, "generations", experiment_id, most),
            )
        )

    async def test_of(self, experiment_id: str, generation: int) -> TestRecord | None:
        """Return the test of the solution as of a generation."""
        return await self._test("generation = ?", experiment_id, generation)

    async def last_test_before(self, experiment_id: str, generation: int) -> TestRecord | None:
        """Return the last test of a solution as of an earlier generation; None where there was none."""
        return await self._test("generation < ? ORDER BY generation DESC LIMIT 1", experiment_id, generation)

    async def _test(self, which: str, experiment_id: str, generation: int) -> TestRecord | None:
        query = f"SELECT record FROM tests WHERE experiment_id = ? AND {which}"  # noqa: S608 - our own words
        row = await self._database.read(
            lambda connection: connection.execute(query, (experiment_id, generation)).fetchone()
        )
        return row and TestRecord.model_validate_json(row["record"])

    async def best_score_before(self, experiment_id: str, generation: int) -> float | None:
        """Return the best mean return of the tests of earlier generations; None where there were none."""
        query = (
            "SELECT record ->> '$.returns.mean' AS best FROM tests JOIN experiments ON id = experiment_id "  # noqa: S608
            f"WHERE experiment_id = ? AND tests.generation < ? ORDER BY best * {SIGN} DESC LIMIT 1"
        )
        row = await self._database.read(
            lambda connection: connection.execute(query, (experiment_id, generation)).fetchone()
        )
        return None if row is None else float(row["best"])

    async def checkpoints(self, experiment_id: str) -> list[Checkpoint]:
        """Return the rows of the checkpoints kept, oldest first."""
        query = (
            "SELECT generation, file, version, length, sha256 FROM checkpoints "
            "WHERE experiment_id = ? ORDER BY generation"
        )
        return await self._database.read(
            lambda connection: [Checkpoint(*row) for row in connection.execute(query, (experiment_id,))]
        )

    async def results(self, experiment_id: str, generation: int) -> bytes | None:
        """Return the frame of a generation's results, where it was kept."""
        query = "SELECT frame FROM results WHERE experiment_id = ? AND generation = ?"
        row = await self._database.read(
            lambda connection: connection.execute(query, (experiment_id, generation)).fetchone()
        )
        return row and bytes(row["frame"])

    async def commit_generation(
        self,
        experiment_id: str,
        record: GenerationRecord,
        checkpoint: Checkpoint | None,
        results: bytes | None = None,
    ) -> frozenset[str]:
        """Commit a generation's record, how to restore it, and the experiment's counters, all or nothing.

        It is restored from its ``checkpoint``, or from the last one before it and the ``results`` since then.
        Return the names of the checkpoint files that are still needed.

        Raises:
            StorageFailed: the disk does not take it; nothing is committed.
        """

        def change(connection: sqlite3.Connection) -> frozenset[str]:
            connection.execute(
                "INSERT INTO generations VALUES (?, ?, ?)",
                (experiment_id, record.generation, record.model_dump_json()),
            )
            if checkpoint is not None:
                connection.execute(
                    "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?)", (experiment_id, *astuple(checkpoint))
                )
            if results is not None:
                connection.execute(
                    "INSERT INTO results VALUES (?, ?, ?)", (experiment_id, record.generation, results)
                )
            _note_fingerprints(connection, experiment_id, record)
            connection.execute(
                "UPDATE experiments SET generation = ?, environment_steps = ?, elapsed_seconds = ?, "
                "core_seconds = max(core_seconds, ?) WHERE id = ?",
                (
                    record.generation,
                    record.environment_steps,
                    record.elapsed_seconds,
                    record.core_seconds,
                    experiment_id,
                ),
            )
            kept = _forget_old_checkpoints(connection, experiment_id)
            reach("generation.before_commit")
            return kept

        kept = await self._database.write(change)
        self.generations_committed += 1
        reach("generation.after_commit")
        return kept

    async def commit_test(self, experiment_id: str, record: TestRecord) -> bool:
        """Commit a test, and say whether it is the best one so far."""
        score = record.returns.mean

        def change(connection: sqlite3.Connection) -> bool:
            connection.execute(
                "INSERT OR REPLACE INTO tests VALUES (?, ?, ?)",
                (experiment_id, record.generation, record.model_dump_json()),
            )
            _note_fingerprints(connection, experiment_id, record)
            connection.execute(
                "UPDATE experiments SET core_seconds = core_seconds + ? WHERE id = ?",
                (record.core_seconds, experiment_id),
            )
            updated = connection.execute(
                "UPDATE experiments SET best_test_return = ?, best_generation = ? "  # noqa: S608
                f"WHERE id = ? AND (best_test_return IS NULL OR best_test_return * {SIGN} < ? * {SIGN})",
                (score, record.generation, experiment_id, score),
            )
            reach("test.before_commit")
            return updated.rowcount == 1

        best = await self._database.write(change)
        self.tests_committed += 1
        reach("test.after_commit")
        return best

    async def roll_back(self, experiment_id: str, generation: int) -> None:
        """Forget everything after ``generation``: its successors' checkpoints are damaged and will be redone."""

        def change(connection: sqlite3.Connection) -> None:
            for table in ("generations", "tests", "checkpoints", "results", "fingerprints"):
                connection.execute(
                    f"DELETE FROM {table} WHERE experiment_id = ? AND generation > ?",  # noqa: S608 - our own names
                    (experiment_id, generation),
                )
            row = connection.execute(
                "SELECT record FROM generations WHERE experiment_id = ? AND generation = ?",
                (experiment_id, generation),
            ).fetchone()
            last = GenerationRecord.model_validate_json(row["record"])
            connection.execute(
                "UPDATE experiments SET generation = ?, environment_steps = ?, elapsed_seconds = ?, "
                "best_test_return = NULL, best_generation = NULL WHERE id = ?",
                (generation, last.environment_steps, last.elapsed_seconds, experiment_id),
            )
            best = (
                "UPDATE experiments SET (best_test_return, best_generation) = ("  # noqa: S608 - our own text
                "SELECT record ->> '$.returns.mean' AS score, tests.generation "
                "FROM tests JOIN experiments ON id = experiment_id "
                f"WHERE experiment_id = ?1 ORDER BY score * {SIGN} DESC, tests.generation LIMIT 1) WHERE id = ?1"
            )
            connection.execute(best, (experiment_id,))

        await self._database.write(change)


def _with_test(connection: sqlite3.Connection, experiment_id: str, texts: list[str], generation: int) -> list[str]:
    """Return tests with that of ``generation`` among them, in its place."""
    query = "SELECT record FROM tests WHERE experiment_id = ? AND generation = ?"
    row = connection.execute(query, (experiment_id, generation)).fetchone()
    if row is None or row[0] in texts:
        return texts
    return sorted([*texts, row[0]], key=lambda text: int(json.loads(text)["generation"]))


def _note_fingerprints(
    connection: sqlite3.Connection, experiment_id: str, record: GenerationRecord | TestRecord
) -> None:
    """Remember which kinds of machine an experiment's numbers come from."""
    connection.executemany(
        "INSERT OR IGNORE INTO fingerprints VALUES (?, ?, ?)",
        [(experiment_id, fingerprint, record.generation) for fingerprint in record.fingerprints],
    )


def _forget_old_checkpoints(connection: sqlite3.Connection, experiment_id: str) -> frozenset[str]:
    """Delete the rows of all but the last `KEPT` checkpoints, and results that none of these needs."""
    query = "SELECT generation, file FROM checkpoints WHERE experiment_id = ? ORDER BY generation DESC LIMIT ?"
    kept = connection.execute(query, (experiment_id, KEPT)).fetchall()
    if kept:
        oldest = (experiment_id, kept[-1]["generation"])
        connection.execute("DELETE FROM checkpoints WHERE experiment_id = ? AND generation < ?", oldest)
        connection.execute("DELETE FROM results WHERE experiment_id = ? AND generation <= ?", oldest)
    return frozenset(row["file"] for row in kept)

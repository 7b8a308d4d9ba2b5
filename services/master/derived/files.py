"""The files that follow from the database: config.yaml, log.txt, scores.csv, two plots, and best_model.npz.

Plain functions of a connection that only reads; they run in a process of their own (`derived.__main__`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from seedcast.services.master.storage.artifacts import model_name
from seedcast.services.master.storage.durable import write_durably
from seedcast.services.master.storage.failures import storage_errors
from seedcast.services.master.storage.pages import MOST_POINTS, Table, drawn, page
from seedcast.services.master.storage.records import GenerationRecord, TestRecord
from seedcast.services.master.storage.regular_files import open_regular

BEST_MODEL = "best_model.npz"
LOG = "log.txt"
SCORES = "scores.csv"
CONFIG = "config.yaml"
BY_TIME = "reward_vs_time.png"
BY_ITERATION = "reward_vs_iteration.png"
TEXTS = frozenset({CONFIG, LOG, SCORES, BEST_MODEL})
PLOTS = frozenset({BY_TIME, BY_ITERATION})
OF_A_GENERATION = PLOTS | {LOG}
"""What falls behind with a generation's commit,"""
OF_A_TEST = PLOTS | {SCORES, BEST_MODEL}
"""and with a test's."""

_ROWS = 1000
"""Read at a time."""


class TextFiles:
    """Keeps config.yaml, log.txt, scores.csv and best_model.npz of experiments up to date.

    It remembers how far it has written each log, so that a growing one is only appended to.
    """

    def __init__(self) -> None:
        self._logged: dict[str, tuple[int, int]] = {}
        """By experiment: the last generation in log.txt, and the size of the file then, in bytes."""
        self._configured: dict[str, bytes] = {}
        """By experiment: the digest of the specification that is in config.yaml."""

    def write(
        self,
        connection: sqlite3.Connection,
        experiment_id: str,
        folder: Path,
        names: Collection[str] = TEXTS,
        *,
        exact: bool,
    ) -> None:
        """Bring some files up to date; ``exact`` writes them anew, whatever somebody did to them.

        Raises:
            StorageFailed: the disk does not take it, or does not give it.
        """
        query = "SELECT spec, best_generation FROM experiments WHERE id = ?"
        row = connection.execute(query, (experiment_id,)).fetchone()
        if row is None:
            return
        if exact:
            self._logged.pop(experiment_id, None)
            self._configured.pop(experiment_id, None)
        if CONFIG in names:
            self._write_config(experiment_id, row["spec"], folder / CONFIG)
        if LOG in names:
            self._write_log(connection, experiment_id, folder / LOG)
        if SCORES in names:
            _write_if_changed(folder / SCORES, _scores(connection, experiment_id).encode())
        if BEST_MODEL in names:
            _promote(folder, row["best_generation"])

    def _write_config(self, experiment_id: str, spec: str, path: Path) -> None:
        digest = hashlib.sha256(spec.encode()).digest()
        if self._configured.get(experiment_id) == digest and path.exists():
            return  # to write YAML takes longer than all the rest
        with suppress(json.JSONDecodeError):  # a row that somebody has damaged
            _write_if_changed(path, yaml.safe_dump(json.loads(spec), sort_keys=False).encode())
            self._configured[experiment_id] = digest

    def _write_log(self, connection: sqlite3.Connection, experiment_id: str, path: Path) -> None:
        after, size = self._logged.get(experiment_id, (0, 0))
        with storage_errors(LOG):
            if not path.exists() or path.stat().st_size != size:
                after = 0
        anew, lines = not after, []
        for record in _records(connection, "generations", experiment_id, after):
            after = record["generation"]
            lines.append(log_line(record))
        content = "".join(lines).encode()
        if anew:
            write_durably(path, content)
        elif content:
            with storage_errors(LOG), path.open("ab") as file:
                file.write(content)
        with storage_errors(LOG):
            self._logged[experiment_id] = (after, path.stat().st_size)


def write_plots(connection: sqlite3.Connection, experiment_id: str, folder: Path) -> None:
    """Draw both plots.

    Raises:
        StorageFailed: the disk does not take it, or does not give it.
    """
    from seedcast.services.master.derived.plots import plot_rewards  # late: Matplotlib takes half a second

    row = connection.execute("SELECT name FROM experiments WHERE id = ?", (experiment_id,)).fetchone()
    texts = drawn(connection, "generations", experiment_id, MOST_POINTS)
    if row is None or not texts:
        return
    generations = [GenerationRecord.model_validate_json(text) for text in texts]
    texts = drawn(connection, "tests", experiment_id, MOST_POINTS)
    tests = [TestRecord.model_validate_json(text) for text in texts]
    write_durably(folder / BY_TIME, plot_rewards(generations, tests, "time", row["name"]))
    write_durably(folder / BY_ITERATION, plot_rewards(generations, tests, "iteration", row["name"]))


def _promote(folder: Path, generation: int | None) -> None:
    """Make the model that tested best best_model.npz, unless somebody has removed it."""
    with storage_errors(BEST_MODEL):
        if generation is None:
            (folder / BEST_MODEL).unlink(missing_ok=True)
            return
        try:
            with open_regular(folder, [model_name(generation)]) as file:
                content = file.read()
        except FileNotFoundError:
            return
    _write_if_changed(folder / BEST_MODEL, content)


def _write_if_changed(path: Path, content: bytes) -> None:
    with suppress(OSError):
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            return
    write_durably(path, content)


def _scores(connection: sqlite3.Connection, experiment_id: str) -> str:
    """Return the sample's columns: seconds of training, iteration, mean test return."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Time", "Iteration", "Reward"])
    for test in _records(connection, "tests", experiment_id, -1):
        writer.writerow([f"{test['elapsed_seconds']:.3f}", test["generation"], f"{test['returns']['mean']:.6f}"])
    return text.getvalue()


def _records(
    connection: sqlite3.Connection, table: Table, experiment_id: str, after: int
) -> Iterator[dict[str, Any]]:
    while texts := page(connection, table, experiment_id, after, _ROWS):
        for text in texts:
            record: dict[str, Any] = json.loads(text)
            yield record
        after = record["generation"]


def log_line(record: dict[str, Any]) -> str:
    """Return what log.txt says of a generation's record."""
    returns = record["returns"]
    return (
        f"generation {record['generation']}  return mean {returns['mean']:.2f} max {returns['maximum']:.2f}  "
        f"length {record['mean_length']:.0f}  steps {record['environment_steps']}  "
        f"seconds {record['elapsed_seconds']:.1f}  sha256 {record['parameters_sha256'][:16]}\n"
    )

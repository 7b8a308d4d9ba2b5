"""What a list shows of an experiment's history: last test, pace, and a curve as small as a word."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seedcast.services.master.experiments.rows import ExperimentRow
from seedcast.services.master.storage.history import History
from seedcast.services.master.storage.pages import drawn, newest

POINTS = 24
"""Of a small curve."""
PACE_GENERATIONS = 10
"""The pace is that of the last so many."""
LEVELS = 99


@dataclass(frozen=True)
class Glance:
    """What was seen of a history, and when."""

    stamp: tuple[object, ...]
    last_test: float | None
    steps_per_second: float | None
    curve: Sequence[int]


class Glances:
    """Looks at histories, and again only where there is something new."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._seen: dict[str, Glance] = {}
        self._shown: dict[str, tuple[ExperimentRow, Glance, ExperimentRow]] = {}
        """By experiment: a row, what was seen, and the row with it, for when neither has changed."""

    async def add_to(self, rows: Sequence[ExperimentRow]) -> list[ExperimentRow]:
        """Return the rows with what is to be seen of their histories."""
        seen = {row.id: glance for row in rows if (glance := self._seen_as_now(row)) is not None}
        if old := [row for row in rows if row.id not in seen]:
            seen |= await self._history.look(lambda connection: {row.id: _look(connection, row) for row in old})
        self._seen = seen  # those of experiments that are gone are forgotten
        self._shown = {row.id: self._with_glance(row, seen[row.id]) for row in rows}
        return [self._shown[row.id][2] for row in rows]

    def _with_glance(self, row: ExperimentRow, glance: Glance) -> tuple[ExperimentRow, Glance, ExperimentRow]:
        shown = self._shown.get(row.id)
        if shown is not None and shown[0] is row and shown[1] is glance:
            return shown
        figures = {
            "last_test_return": glance.last_test,
            "steps_per_second": glance.steps_per_second,
            "curve": list(glance.curve),
        }
        return row, glance, row.model_copy(update=figures)

    def _seen_as_now(self, row: ExperimentRow) -> Glance | None:
        """Return what was seen of an experiment's history, if there is nothing new since."""
        found = self._seen.get(row.id)
        return found if found is not None and found.stamp == self._stamp(row) else None

    @staticmethod
    def _stamp(row: ExperimentRow) -> tuple[object, ...]:
        return row.generation, row.status, row.best_test_return, row.core_hours


def _look(connection: sqlite3.Connection, row: ExperimentRow) -> Glance:
    tests = [json.loads(text) for text in newest(connection, "tests", row.id, 1)]
    recent = [json.loads(text) for text in newest(connection, "generations", row.id, PACE_GENERATIONS + 1)]
    spread = [json.loads(text) for text in drawn(connection, "generations", row.id, POINTS)]
    return Glance(
        stamp=Glances._stamp(row),
        last_test=tests[0]["returns"]["mean"] if tests else None,
        steps_per_second=_pace(recent),
        curve=_levels([record["returns"]["mean"] for record in spread]),
    )


def _pace(recent: Sequence[Mapping[str, float]]) -> float | None:
    if not recent:
        return None
    first = recent[0] if len(recent) > 1 else {"environment_steps": 0, "elapsed_seconds": 0.0}
    steps = recent[-1]["environment_steps"] - first["environment_steps"]
    seconds = recent[-1]["elapsed_seconds"] - first["elapsed_seconds"]
    return float(f"{steps / seconds:.4g}") if seconds > 0 else None


def _levels(values: Sequence[float]) -> list[int]:
    """Return a curve's points as heights from 0, its least, to `LEVELS`, its greatest; a flat one is halfway."""
    if not values:
        return []
    low, span = min(values), max(values) / 2 - min(values) / 2  # halves: of huge values the difference overflows
    if span <= 0:
        return [LEVELS // 2] * len(values)
    return [round((value / 2 - low / 2) / span * LEVELS) for value in values]

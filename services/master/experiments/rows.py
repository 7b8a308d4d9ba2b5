"""The list of experiments: light rows, chosen by status, tag, strategy, environment and text, in pages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from seedcast.services.master.experiments.prices import NOT_TOLD, Cost, Prices
from seedcast.services.master.experiments.status import Status
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.objective import Direction, sign_of

_SELECT = """
SELECT id, name, status, reason, generation, environment_steps, elapsed_seconds, best_test_return, best_generation,
    core_seconds / 3600 AS core_hours,
    created_at, finished_at, note, spec ->> '$.environment.id' AS environment,
    spec ->> '$.objective.id' AS objective, coalesce(description ->> '$.direction', 'maximise') AS direction,
    spec ->> '$.strategy.name' AS strategy, spec ->> '$.stop.generations' AS stop_generations,
    spec ->> '$.stop.environment_steps' AS stop_environment_steps,
    spec ->> '$.stop.wall_time_seconds' AS stop_wall_time_seconds,
    coalesce(spec ->> '$.stop.test_return', spec ->> '$.stop.value') AS target, spec -> '$.tags' AS tags,
    archived
FROM experiments WHERE status != 'deleted' AND json_valid(spec) ORDER BY rowid DESC
"""
_READ_ONCE = 4096
"""Rows that are kept as they were read, until something in them changes."""


class ExperimentRow(BaseModel):
    """One experiment in few words; the specification is left out."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Its name and a random suffix.")
    name: str = Field(description="As in the specification.")
    status: Status
    active: bool = Field(description="Whether there is work to do: it runs, or goes on by itself.")
    reason: str = Field(description="Why it waits, ended or failed.")
    environment: str | None = Field(description="The environment's id, where it has one.")
    objective: str | None = Field(default=None, description="The objective's id, where it has one.")
    direction: Direction = Field(default="maximise", description="Whether larger returns are better.")
    strategy: str | None = Field(description="The strategy's name.")
    tags: dict[str, str] = Field(description="As in the specification.")
    note: str = Field(description="What people wrote about it.")
    archived: bool = Field(default=False, description="Whether it is put away.")
    generation: int = Field(description="How many are committed.")
    stop_generations: int | None = Field(description="How many it makes at most.")
    environment_steps: int = Field(description="Training steps, tests not counted.")
    stop_environment_steps: int | None = Field(default=None, description="How many it makes at most.")
    elapsed_seconds: float = Field(description="Wall time spent training, tests and commits included.")
    stop_wall_time_seconds: float | None = Field(default=None, description="How long it trains at most.")
    core_hours: float = Field(description="How long slots have worked, tests included: a slot is a core.")
    cost: Cost | None = Field(
        default=None, description="What they cost, where the master has been told the price of one."
    )
    best_test_return: float | None = Field(description="The mean return of the best test so far.")
    best_generation: int | None = Field(description="The generation that it was made after.")
    target: float | None = Field(description="The mean test return that ends it.")
    last_test_return: float | None = Field(default=None, description="The mean return of the last test.")
    steps_per_second: float | None = Field(default=None, description="Training steps, over the last generations.")
    curve: list[int] = Field(
        default_factory=list,
        description="The mean training return so far in a few points: 0 is the least of them, 99 the greatest.",
    )
    created_at: datetime = Field(description="When it was submitted.")
    finished_at: datetime | None = Field(description="When it ended.")

    def upwards(self, value: float | None) -> float | None:
        """Return a value so that larger is better."""
        return None if value is None else value * sign_of(self.direction)


class ExperimentRows(BaseModel):
    """A page of experiments."""

    experiments: list[ExperimentRow]
    next_cursor: str | None = Field(description="What `cursor` is for the next page; null: this is the last.")
    total: int = Field(default=0, description="How many there are of these, on all pages.")
    active: int = Field(default=0, description="How many of those are active.")


class Order(StrEnum):
    """What a list is sorted by: words from A, numbers and times from the greatest; what has none comes last."""

    CREATED = "created"
    NAME = "name"
    FINISHED = "finished"
    BEST = "best"
    GENERATION = "generation"
    STATUS = "status"
    ENVIRONMENT = "environment"
    STRATEGY = "strategy"
    LAST = "last"
    PACE = "pace"
    STEPS = "steps"
    CORE_HOURS = "core_hours"
    ELAPSED = "elapsed"

    def sorted(self, rows: Sequence[ExperimentRow], *, reverse: bool) -> list[ExperimentRow]:
        """Return rows, which come newest first, in this order; equal ones stay as they come."""
        if self is Order.CREATED:  # as they come: a clock may be set back between two
            return list(reversed(rows)) if reverse else list(rows)
        key: Callable[[ExperimentRow], Any] = _WORDS[self] if self in _WORDS else _NUMBERS[self]
        with_value = [row for row in rows if key(row) is not None]
        descending = (self in _NUMBERS) != reverse
        ordered = sorted(with_value, key=key, reverse=descending)  # stable in either direction
        return [*ordered, *(row for row in rows if key(row) is None)]


_WORDS: dict[Order, Callable[[ExperimentRow], str | None]] = {
    Order.NAME: lambda row: row.name,
    Order.STATUS: lambda row: row.status,
    Order.ENVIRONMENT: lambda row: row.environment or row.objective,
    Order.STRATEGY: lambda row: row.strategy,
}
_NUMBERS: dict[Order, Callable[[ExperimentRow], float | None]] = {
    Order.FINISHED: lambda row: row.finished_at.timestamp() if row.finished_at else None,
    Order.BEST: lambda row: row.upwards(row.best_test_return),
    Order.GENERATION: lambda row: row.generation,
    Order.LAST: lambda row: row.upwards(row.last_test_return),
    Order.PACE: lambda row: row.steps_per_second,
    Order.STEPS: lambda row: row.environment_steps,
    Order.CORE_HOURS: lambda row: row.core_hours,
    Order.ELAPSED: lambda row: row.elapsed_seconds,
}


@dataclass(frozen=True)
class Wanted:
    """Which experiments, in which order, and which page of them."""

    status: Sequence[str] = ()
    """Any of these, or "active"."""
    tag: Sequence[str] = ()
    """Each "name" or "name=value"; all of them."""
    strategy: str | None = None
    environment: str | None = None
    text: str = ""
    """Words that all stand somewhere in id, name, note, environment, strategy or tags."""
    archived: bool = False
    """Those put away, in place of all others."""
    order: Order = Order.CREATED
    reverse: bool = False
    """The other way round; what has no value still comes last."""
    limit: int = 100
    cursor: str | None = None

    def takes(self, row: ExperimentRow) -> bool:
        """Whether a row is wanted."""
        if row.archived != self.archived:
            return False
        if self.status and row.status not in self.status and not ("active" in self.status and row.active):
            return False
        if self.strategy not in (None, row.strategy):
            return False
        if self.environment not in (None, row.environment, row.objective):
            return False
        if not all(_tagged(row.tags, tag) for tag in self.tag):
            return False
        tags = " ".join(f"{name}={value}" for name, value in row.tags.items())
        text = f"{row.id} {row.name} {row.note} {row.environment or row.objective} {row.strategy} {tags}".lower()
        return all(word in text for word in self.text.lower().split())

    def page(self, rows: Sequence[ExperimentRow]) -> ExperimentRows:
        """Return the page of ``rows``, which come newest first.

        Raises:
            InvalidInput: the cursor names an experiment that is not, or no longer, in this list.
        """
        chosen = self.order.sorted(list(filter(self.takes, rows)), reverse=self.reverse)
        start = 0
        if self.cursor is not None:
            places = [place for place, row in enumerate(chosen) if row.id == self.cursor]
            if not places:
                raise InvalidInput.of("cursor", "is not in this list any more; begin anew", self.cursor)
            start = places[0] + 1
        page = chosen[start : start + self.limit]
        more = start + self.limit < len(chosen)
        return ExperimentRows(
            experiments=page,
            next_cursor=page[-1].id if more else None,
            total=len(chosen),
            active=sum(row.active for row in chosen),
        )


def read_rows(connection: sqlite3.Connection, prices: Prices = NOT_TOLD) -> list[ExperimentRow]:
    """Return all experiments as the database has them, newest first; what has not changed is the same object."""
    found = connection.execute(_SELECT)
    columns = tuple(column[0] for column in found.description)
    return [_row(columns, tuple(row), prices) for row in found]


@lru_cache(_READ_ONCE)
def _row(columns: Sequence[str], row: Sequence[Any], prices: Prices) -> ExperimentRow:
    values = dict(zip(columns, row, strict=True))
    values["cost"] = prices.cost(values["core_hours"])
    tags, status = json.loads(values.pop("tags") or "{}"), Status(values["status"])
    return ExperimentRow.model_validate(values | {"tags": tags, "active": status.active})


def _tagged(tags: dict[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in tags and (not equals or tags[name] == value)

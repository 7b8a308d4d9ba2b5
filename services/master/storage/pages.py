"""A part of a history as it is stored: JSON texts of records, chosen in SQL and handed on unparsed.

Plain functions of a connection, for the master's database threads and for the process that draws plots alike.
"""

from __future__ import annotations

import sqlite3
from typing import Literal, NamedTuple

Table = Literal["generations", "tests"]

LARGEST_PAGE = 1000
"""Records a request may ask for."""

MOST_POINTS = 2000
"""Per curve of a chart: more than a screen has columns to tell apart."""


def page(
    connection: sqlite3.Connection, table: Table, experiment_id: str, after: int, limit: int, every: int = 1
) -> list[str]:
    """Return up to ``limit`` records of generations later than ``after``, oldest first (-1: all of them).

    With ``every`` above 1 these are every so-manieth generation or test, the first one and always the last.
    Numbers are sought one by one: what lies between is not read.
    """
    if every == 1:
        query = (
            f"SELECT record FROM {table} WHERE experiment_id = ? AND generation > ? "  # noqa: S608 - our own names
            "ORDER BY generation LIMIT ?"
        )
        return [row[0] for row in connection.execute(query, (experiment_id, after, limit))]
    last = last_generation(connection, table, experiment_id)
    if last is None:
        return []
    first, step = _grid(connection, table, experiment_id)
    step *= every
    if after >= first:
        first += step * ((after - first) // step + 1)
    query = (
        "WITH RECURSIVE wanted (number) AS ("  # noqa: S608 - our own names
        "SELECT ?1 UNION ALL SELECT number + ?2 FROM wanted WHERE number + ?2 < ?3 LIMIT ?6) "
        "SELECT record FROM (SELECT number FROM wanted WHERE number < ?3 UNION ALL SELECT ?3 WHERE ?3 > ?4) "
        f"CROSS JOIN {table} ON experiment_id = ?5 AND generation = number ORDER BY number LIMIT ?6"
    )
    return [row[0] for row in connection.execute(query, (first, step, last, after, experiment_id, limit))]


def newest(connection: sqlite3.Connection, table: Table, experiment_id: str, limit: int) -> list[str]:
    """Return the last ``limit`` records, oldest first."""
    query = f"SELECT record FROM {table} WHERE experiment_id = ? ORDER BY generation DESC LIMIT ?"  # noqa: S608 - our own names
    return [row[0] for row in connection.execute(query, (experiment_id, limit))][::-1]


def drawn(connection: sqlite3.Connection, table: Table, experiment_id: str, most: int) -> list[str]:
    """Return at most ``most`` records, spread over the whole history, the first and the last one among them."""
    return page(connection, table, experiment_id, -1, most, stride(connection, table, experiment_id, most))


def last_generation(connection: sqlite3.Connection, table: Table, experiment_id: str) -> int | None:
    """Return the generation of the last record; None where there is none."""
    query = f"SELECT max(generation) FROM {table} WHERE experiment_id = ?"  # noqa: S608 - our own names
    row = connection.execute(query, (experiment_id,)).fetchone()
    return None if row[0] is None else int(row[0])


def stride(connection: sqlite3.Connection, table: Table, experiment_id: str, most: int) -> int:
    """Return the smallest power of two for ``every`` that leaves at most ``most`` records.

    A power of two, so that a growing history keeps the points it has already shown and a live chart does not
    shimmer.
    """
    last = last_generation(connection, table, experiment_id)
    if last is None:
        return 1
    first, step = _grid(connection, table, experiment_id)
    every = 1
    while max(0, last - first) // (step * every) + 2 > most:
        every *= 2
    return every


def _grid(connection: sqlite3.Connection, table: Table, experiment_id: str) -> tuple[int, int]:
    """Return the generation of the first record and the distance of the next ones."""
    if table == "generations":
        return 1, 1
    query = "SELECT CASE WHEN json_valid(spec) THEN spec ->> '$.test.every' END FROM experiments WHERE id = ?"
    row = connection.execute(query, (experiment_id,)).fetchone()
    distance = int(row[0]) if row is not None and row[0] is not None else 1
    return distance, distance


def bucket(generation: int, every: int) -> int:
    """Return which record of every ``every``-th a generation is told by: the first at it or after it, from 0."""
    return max(0, (generation - 2 + every) // every)


EVENTS = ("failed_members", "retried_rollouts", "lost_units", "hedged_units", "resumed")
"""Of a record: how often something happened that is not in its returns."""


class Between(NamedTuple):
    """What the generations of a bucket come to, of which one record alone is told."""

    least: float
    """The least training return,"""
    greatest: float
    """the greatest one,"""
    best_mean: float
    """and the best mean."""
    events: tuple[int, ...]
    """How often each of `EVENTS` happened."""


def extremes(
    connection: sqlite3.Connection, experiment_id: str, every: int, first: int, sign: int
) -> dict[int, Between]:
    """Return what the generations of each bucket from ``first`` on come to.

    The best mean is the greatest where ``sign`` is 1, the least where it is -1.
    """
    events = ", ".join(f"sum(coalesce(record ->> '$.{name}', 0))" for name in EVENTS)
    query = (
        "SELECT max(0, (generation - 2 + ?1) / ?1) AS bucket, min(record ->> '$.returns.minimum'), "  # noqa: S608 - our own names
        f"max(record ->> '$.returns.maximum'), ?4 * max(?4 * (record ->> '$.returns.mean')), {events} "
        "FROM generations WHERE experiment_id = ?2 AND generation > ?3 GROUP BY bucket"
    )
    begin = (first - 1) * every + 1 if first else 0
    found = connection.execute(query, (every, experiment_id, begin, sign))
    return {row[0]: Between(row[1], row[2], row[3], tuple(row[4:])) for row in found}

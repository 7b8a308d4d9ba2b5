"""A history in columns, for charts: few bytes, appended to as it grows, thinned without losing extremes.

Of a long history every so-manieth record is told, a power of two. Least and greatest return, best mean, and how
often something happened are then those of all generations since the record before (`dashboard.extremes`). A page
that says what it has gets only what is new.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from seedcast.services.master.dashboard.extremes import Extremes, Rows
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.storage.history import History
from seedcast.services.master.storage.pages import EVENTS, bucket

Column = list[Any]
Columns = dict[str, Column]
"""By dotted name, such as ``returns.mean``; null where a record has no such figure."""

MOST_EPISODES = 20_000
"""Returns of single test episodes in an answer; where there are more, none are told."""
LEFT_OUT = frozenset({"parameters_sha256", "fingerprints", "fitness"})
"""Of a record: what no chart shows."""
LOW, HIGH, BEST = "returns.minimum", "returns.maximum", "returns.best_mean"


class ColumnReader:
    """Reads histories for charts."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="columns")
        self._extremes = Extremes(history)

    def close(self) -> None:
        """Stop the thread, and what is being read."""
        self._extremes.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def read(self, experiment: Experiment, after: int, every: int, most: int) -> str:
        """Return columns as JSON: what is later than generation ``after`` of every ``every``-th.

        They are whole where the page asks for another spacing than there is now, or has more than there is.
        ``extremes`` says whether those of a thinned history are in: a page asks anew until they are.

        Args:
            experiment: whose; the best test is always told.
            after: the last generation that the page has; 0: nothing.
            every: the spacing of what it has.
            most: records at most, of each kind.
        """
        experiment_id, best = experiment.id, experiment.best_generation
        last, last_test, spacing = await self._history.extent(experiment_id, most)
        whole = after <= 0 or spacing != every or (last or 0) < after
        since = 0 if whole else after
        generations, tests = await self._history.since(experiment_id, since, spacing, most, best)
        rows: Rows | None = {}
        if spacing > 1 and last is not None:
            rows = await self._extremes.until(experiment_id, spacing, experiment.sign, last)
        head = {
            "every": spacing,
            "whole": whole,
            "last": last or 0,
            "last_test": last_test or 0,
            "extremes": rows is not None,
        }
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _encode, head, generations, tests, rows or {})


def _encode(head: dict[str, Any], generations: Sequence[str], tests: Sequence[str], extremes: Rows) -> str:
    rows = [_flat(json.loads(text)) for text in generations]
    for row in rows:
        row[BEST] = row["returns.mean"]
        if found := extremes.get(bucket(row["generation"], head["every"])):
            row[LOW], row[HIGH], row[BEST] = found.least, found.greatest, found.best_mean
            row |= zip(EVENTS, found.events, strict=True)
    tested = [_flat(json.loads(text)) for text in tests]
    if sum(len(row.get("episode_returns", ())) for row in tested) > MOST_EPISODES:
        for row in tested:
            row.pop("episode_returns", None)
    columns = {"generations": _columns(rows), "tests": _columns(tested)}
    return json.dumps(head | columns, separators=(",", ":"))


def _columns(rows: Sequence[dict[str, Any]]) -> Columns:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a record's figures under dotted names, to six digits: finer than any screen."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if name in LEFT_OUT:
            continue
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            flat[prefix + name] = [_rounded(item) for item in value]
        else:
            flat[prefix + name] = _rounded(value)
    return flat


def _rounded(value: Any) -> Any:  # noqa: ANN401 - what a record may hold
    return float(f"{value:.6g}") if isinstance(value, float) else value

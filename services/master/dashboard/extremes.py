"""What thinning a long history would lose between two records told: extremes of the returns, and events.

To find them every record is read, which of a long history takes a second. A chart does not wait for that: it is
drawn without, and has them at a later look. What was found is kept and goes on from where it ended.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial

from seedcast.services.master.storage.history import History
from seedcast.services.master.storage.pages import Between, bucket

Rows = dict[int, Between]
"""By bucket, which begin at generation 2."""
Key = tuple[str, int, int]
"""An experiment's id, the spacing, and 1 or -1 where larger or smaller means are better."""

AT_ONCE = 10_000
"""Records that are read while an answer waits: a tenth of a second's work."""
KEPT = 32
"""Long histories whose extremes are kept."""


@dataclass
class _Found:
    rows: Rows = field(default_factory=dict)
    last: int = 0
    """The last generation that is in."""


class Extremes:
    """Finds and keeps extremes; one reading of each history at a time."""

    def __init__(self, history: History, at_once: int = AT_ONCE) -> None:
        self._history = history
        self._at_once = at_once
        self._found: OrderedDict[Key, _Found] = OrderedDict()
        self._readings: dict[Key, asyncio.Task[None]] = {}

    def close(self) -> None:
        """Give up what is being read."""
        for reading in self._readings.values():
            reading.cancel()

    async def until(self, experiment_id: str, spacing: int, sign: int, last: int) -> Rows | None:
        """Return those up to generation ``last``, or None while there are too many records to wait for.

        Raises:
            StorageFailed: the disk does not give them.
        """
        key = (experiment_id, spacing, sign)
        found = self._found.setdefault(key, _Found())
        if found.last > last:  # it was rolled back
            found = self._found[key] = _Found()
        self._found.move_to_end(key)
        while len(self._found) > KEPT:
            self._found.popitem(last=False)
        while found.last < last:
            if key not in self._readings:
                self._readings[key] = asyncio.create_task(self._read(key, found, last))
                self._readings[key].add_done_callback(partial(self._ended, key))
            if last - found.last > self._at_once:
                return None
            await asyncio.shield(self._readings[key])
        return found.rows

    def _ended(self, key: Key, reading: asyncio.Task[None]) -> None:
        """Forget a reading; after a failure that nobody waited for, the next look reads again."""
        del self._readings[key]
        if not reading.cancelled():
            reading.exception()

    async def _read(self, key: Key, found: _Found, last: int) -> None:
        experiment_id, spacing, sign = key
        begin = bucket(found.last, spacing)
        found.rows = found.rows | await self._history.extremes(experiment_id, spacing, begin, sign)
        found.last = last

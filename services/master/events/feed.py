"""What has become of an experiment since a reader looked last: generations, tests, changes of its status.

Everything is read from what is committed; nothing is queued for anybody. A reader is its position, which is also
the id of the last event it got, so that one who comes back misses nothing, also under another master. Readers at
the same position share one look, and nobody looks more often than every `LOOK_SECONDS`: two hundred readers cost
about what one costs, and training waits for none.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.storage.history import History
from seedcast.shared.errors import InvalidInput

LOOK_SECONDS = 0.5
MOST_GENERATIONS = 200
MOST_TESTS = 50
"""Records that one look takes; the next one goes on there."""
STATUS_FIELDS = {
    "status", "active", "reason", "generation", "environment_steps", "elapsed_seconds", "best_test_return",
    "best_generation", "finished_at",
}  # fmt: skip
COUNTERS = {"generation", "environment_steps", "elapsed_seconds"}
"""Of these the generations tell already: alone they are no change of the status."""


@dataclass(frozen=True)
class Position:
    """How far a reader is."""

    generation: int = 0
    """The last generation told of,"""
    test: int = 0
    """the last one whose test was told of,"""
    status: str = ""
    """and a digest of the last status."""

    def __str__(self) -> str:
        return f"{self.generation}.{self.test}.{self.status}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the id of an event.

        Raises:
            InvalidInput: it is none.
        """
        match = re.fullmatch(r"([0-9]{1,15})\.([0-9]{1,15})\.([0-9a-f]{0,16})", text)
        if match is None:
            raise InvalidInput.of("Last-Event-ID", "is not the id of an event here", text)
        return cls(int(match[1]), int(match[2]), match[3])


@dataclass(frozen=True)
class Event:
    """One thing that happened; ``position`` is where a reader is who has got it."""

    kind: str
    data: str
    """JSON, on one line."""
    position: Position

    def without_record(self) -> Event:
        """Return it with the number of its generation alone, where it carries a record."""
        numbers = {"generation": self.position.generation, "test": self.position.test}
        if self.kind not in numbers:
            return self
        return replace(self, data=json.dumps({"generation": numbers[self.kind]}))

    def encoded(self) -> bytes:
        """Return it as https://html.spec.whatwg.org/multipage/server-sent-events.html says."""
        return f"id: {self.position}\nevent: {self.kind}\ndata: {self.data}\n\n".encode()


def briefly(events: Sequence[Event]) -> list[Event]:
    """Return the last event of each kind, in their order and without records."""
    last = {event.kind: place for place, event in enumerate(events)}
    return [events[place].without_record() for place in sorted(last.values())]


class Feed:
    """The events of all experiments."""

    def __init__(self, show: Callable[[str], Awaitable[Experiment]], history: History) -> None:
        """``show`` returns an experiment as it is seen now, or raises `NotFound`."""
        self._show = show
        self._history = history
        self._looks: dict[tuple[str, Position], asyncio.Task[list[Event]]] = {}

    async def after(self, experiment_id: str, position: Position) -> list[Event]:
        """Return what came after ``position``, as of the last half second; nothing where nothing did.

        Raises:
            NotFound: there is no such experiment, or no more.
        """
        key = (experiment_id, position)
        if (look := self._looks.get(key)) is None:
            self._looks[key] = look = asyncio.create_task(self._look(experiment_id, position))
            look.add_done_callback(lambda done: done.cancelled() or done.exception())  # readers may have gone
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._looks.pop, key, None)
        return await asyncio.shield(look)

    async def _look(self, experiment_id: str, position: Position) -> list[Event]:
        experiment = await self._show(experiment_id)
        events: list[Event] = []
        if position.generation > experiment.generation:  # its last checkpoints were damaged
            position = replace(position, generation=experiment.generation, test=experiment.generation)
            data = json.dumps({"generation": experiment.generation})
            events.append(Event("rolled_back", data, position))
        generations = await self._history.page("generations", experiment_id, position.generation, MOST_GENERATIONS)
        tests = await self._history.page("tests", experiment_id, position.test, MOST_TESTS)
        records, digest, status = await asyncio.to_thread(_read, generations, tests, experiment)
        for kind, generation, data in records:
            if kind == "generation":
                position = replace(position, generation=generation)
            else:
                position = replace(position, test=generation)
            events.append(Event(kind, data, position))
        whole = len(generations) < MOST_GENERATIONS and len(tests) < MOST_TESTS
        if whole and digest != position.status:  # the status comes last: whoever has it has all before it
            events.append(Event("status", status, replace(position, status=digest)))
        return events


def _read(
    generations: list[str], tests: list[str], experiment: Experiment
) -> tuple[list[tuple[str, int, str]], str, str]:
    """Return what is to be told of the records, by generation, and of the status its digest and data."""
    records = [("generation", int(json.loads(text)["generation"]), text) for text in generations]
    for text in tests:
        record: dict[str, Any] = json.loads(text)
        record.pop("episode_returns", None)  # may be long; `evaluations` has them
        records.append(("test", int(record["generation"]), json.dumps(record)))
    records.sort(key=lambda record: (record[1], record[0]))
    values = experiment.model_dump(mode="json", include=STATUS_FIELDS)
    told = json.dumps({name: value for name, value in values.items() if name not in COUNTERS}, sort_keys=True)
    return records, hashlib.sha256(told.encode()).hexdigest()[:12], json.dumps(values)

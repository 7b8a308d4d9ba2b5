"""The scheduler's recent events, kept so that an incident can be replayed: they give the same instructions again.

``GET /debug/events`` returns them, and ``python -m tests.simulation replay FILE`` plays them again.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, get_args

from pydantic import TypeAdapter

from seedcast.services.master.scheduling.events import Event
from seedcast.services.master.scheduling.tuning import Tuning

RECORDED_EVENTS = 20_000
"""Ten seconds of a master at its limit, hours of a small one; some 10 MB."""

_TYPES: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(Event)}


@dataclass(frozen=True)
class Recorded:
    """An event as it was handled."""

    at: float
    """Seconds of the scheduler's clock."""
    event: Event
    instructions: int
    """How many it was answered with."""

    @cached_property
    def text(self) -> str:
        """It as JSON, made once however often the events are asked for; infinity stands there as text."""
        name = type(self.event).__name__
        fields = _TYPES[name].dump_python(self.event, mode="json")
        finite = {key: "inf" if value == math.inf else value for key, value in fields.items()}
        plain = {"at": self.at, "event": name, "instructions": self.instructions, "fields": finite}
        return json.dumps(plain, allow_nan=False)


class Recorder:
    """A ring of the last events."""

    def __init__(self, tuning: Tuning, size: int = RECORDED_EVENTS) -> None:
        self._tuning = tuning
        self._ring: deque[Recorded] = deque(maxlen=size)
        self._dropped = False

    def note(self, at: float, event: Event, instructions: int) -> None:
        """Take an event in; the oldest is dropped where there are too many."""
        self._dropped = self._dropped or len(self._ring) == self._ring.maxlen
        self._ring.append(Recorded(at, event, instructions))

    def snapshot(self) -> Recording:
        """Return what is there now."""
        return Recording(self._tuning, not self._dropped, tuple(self._ring))


@dataclass(frozen=True)
class Recording:
    """Events that can be written down, and played again."""

    tuning: Tuning
    complete: bool
    """Whether they reach back to the master's start: only then is a replay exact."""
    events: Sequence[Recorded]

    def to_json(self) -> str:
        """Return all as one JSON object."""
        head = json.dumps({"complete": self.complete, "tuning": asdict(self.tuning)}, allow_nan=False)
        return f'{head[:-1]}, "events": [{", ".join(recorded.text for recorded in self.events)}]}}'

    @classmethod
    def from_json(cls, text: str) -> Recording:
        """Read what `to_json` has written.

        Raises:
            ValueError: it is no recording.
        """
        try:
            content = json.loads(text)
            events = [
                Recorded(one["at"], _TYPES[one["event"]].validate_python(one["fields"]), one["instructions"])
                for one in content["events"]
            ]
            return cls(Tuning(**content["tuning"]), content["complete"], events)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"it is no recording of a scheduler's events: {error}") from error

"""Server-sent events, read line by line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened to an experiment: see `Client.events`."""

    id: str
    """What `Client.events` goes on after."""
    kind: str
    """``generation``, ``test``, ``status``, ``rolled_back`` or ``deleted``."""
    data: dict[str, Any]


class Lines:
    """Puts events together from the lines of a stream."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def add(self, line: str) -> Event | None:
        """Take the next line; return the event that it ends, if it ends one."""
        name, _, value = line.partition(":")
        if line:
            if name:
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        return Event(fields.get("id", ""), fields.get("event", "message"), json.loads(fields["data"]))

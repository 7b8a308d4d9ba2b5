"""Submissions that may come twice: those with the same Idempotency-Key start one thing."""

from __future__ import annotations

import asyncio
from typing import Annotated
from weakref import WeakValueDictionary

from fastapi import Header

from seedcast.shared.errors import InvalidInput

IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=200, description="The same again starts nothing anew.")
]


class Submissions:
    """Those that are being taken just now: of one key, one at a time."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def alone(self, key: str) -> asyncio.Lock:
        """Return what a submission with this key holds while it is looked up and stored."""
        return self._locks.setdefault(key, asyncio.Lock())  # gone once nobody holds it


def used_for_another(key: str) -> InvalidInput:
    """Return what is wrong with a key whose first submission was of another specification."""
    return InvalidInput.of("Idempotency-Key", "was used for another specification", key)

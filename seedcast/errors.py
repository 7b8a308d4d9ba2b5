"""The errors that a `Client` raises; all are a `SeedcastError`."""

from __future__ import annotations

from seedcast.shared.errors import (
    Busy,
    Conflict,
    FieldError,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    SeedcastError,
    StorageFailed,
    Unauthorised,
)

__all__ = [
    "Busy",
    "Conflict",
    "FieldError",
    "InvalidInput",
    "MasterUnreachable",
    "NotFound",
    "PayloadTooLarge",
    "SeedcastError",
    "StorageFailed",
    "Unauthorised",
]


class MasterUnreachable(SeedcastError):
    """The master does not answer, or what answers is none."""

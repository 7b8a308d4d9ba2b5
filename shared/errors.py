"""Every error Seedcast raises on purpose.

::

    SeedcastError                 500
    ├── InvalidInput              422   carries one FieldError per wrong value
    ├── Unauthorised              401   the token is missing or wrong
    ├── Forbidden                 403   the token is for less, or a foreign web page asks
    ├── MisdirectedRequest        421   the Host is none of this server's
    ├── UnsupportedMediaType      415   the body is of no kind that is taken
    ├── NotFound                  404
    ├── Conflict                  409   right request, wrong moment
    ├── PayloadTooLarge           413
    ├── Busy                      503   carries Retry-After
    ├── ProtocolMismatch          409   the two sides speak different versions
    ├── DamagedCheckpoint         500   the bytes on disk are not the bytes written
    ├── StorageFailed             507   the disk is full or fails; nothing was changed
    └── StartupError              -     a process cannot start; one line on stderr, exit code 2

Each carries its HTTP status, so that one handler (`seedcast.shared.problem_responses`) renders all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One wrong value: where it stands (dotted path), what was given, and what is allowed."""

    field: str
    reason: str
    value: object = None

    def __str__(self) -> str:
        try:
            shown = "" if self.value is None else f" (got {str(self.value)[:80]!r})"
        except ValueError:  # an integer of more digits than Python converts
            shown = " (got a number of too many digits)"
        return f"{self.field}: {self.reason}{shown}"


class SeedcastError(Exception):
    """Base of all; ``status`` and ``title`` become the HTTP problem."""

    status: int = 500
    title: str = "Internal error"


class InvalidInput(SeedcastError):
    """What was asked for is wrong; ``errors`` says which fields and why."""

    status = 422
    title = "Invalid input"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(str(error) for error in self.errors))

    @classmethod
    def of(cls, field: str, reason: str, value: object = None) -> InvalidInput:
        """Build the common case of a single wrong field."""
        return cls([FieldError(field, reason, value)])


class Unauthorised(SeedcastError):
    """The caller has not shown that it may call."""

    status = 401
    title = "Unauthorised"


class Forbidden(SeedcastError):
    """The caller is known, or need not be, and still may not do this."""

    status = 403
    title = "Forbidden"


class MisdirectedRequest(SeedcastError):
    """The request is for a host that this server does not answer for."""

    status = 421
    title = "Misdirected request"


class UnsupportedMediaType(SeedcastError):
    """The body's content type is none that is taken."""

    status = 415
    title = "Unsupported media type"


class NotFound(SeedcastError):
    """There is no such thing."""

    status = 404
    title = "Not found"


class Conflict(SeedcastError):
    """The request is well formed, but not in this state."""

    status = 409
    title = "Conflict"


class PayloadTooLarge(SeedcastError):
    """The request body is over the limit."""

    status = 413
    title = "Payload too large"


class Busy(SeedcastError):
    """No room now; come back after ``retry_after`` seconds."""

    status = 503
    title = "Busy"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class ProtocolMismatch(SeedcastError):
    """A frame of another protocol version."""

    status = 409
    title = "Protocol version mismatch"


class DamagedCheckpoint(SeedcastError):
    """A checkpoint whose length, digest or version is not what was committed."""

    title = "Damaged checkpoint"


class StorageFailed(SeedcastError):
    """The disk is full or does not answer; what was to be written has not been, and may be tried again."""

    status = 507
    title = "Storage failed"


class StartupError(SeedcastError):
    """A process cannot start: port taken, data folder in use, unknown setting."""

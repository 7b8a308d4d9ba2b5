"""The small payloads between a worker and its slots."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel

from seedcast.services.worker.slots.channel import Kind, Message
from seedcast.shared.errors import FieldError, InvalidInput, ProtocolMismatch, SeedcastError
from seedcast.shared.protocol import FailureKind, UnitResult

_PART = struct.Struct("<II")
_RETURN = struct.Struct("<d")


@dataclass(frozen=True)
class Part:
    """Which part of a unit a slot computes."""

    index: int
    parts: int

    def message(self, frame: bytes) -> Message:
        """Return what to send to the slot."""
        return Message(Kind.PART, frame, head=_PART.pack(self.index, self.parts))

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return which part a message asks for."""
        return cls(*_PART.unpack(message.head))


@dataclass(frozen=True)
class Film:
    """One filmed episode."""

    episode_return: float
    video: bytes
    """An MP4 file."""

    def to_bytes(self) -> bytes:
        """Return it as a payload."""
        return _RETURN.pack(self.episode_return) + self.video

    @classmethod
    def of(cls, payload: bytes) -> Self:
        """Read a payload."""
        (episode_return,) = _RETURN.unpack_from(payload)
        return cls(episode_return, payload[_RETURN.size :])


class Started(BaseModel):
    """What the supervisor has to know of a unit that it does not decode."""

    rollouts: int
    deadline_seconds: float


class Summary(BaseModel):
    """What the metrics have to know of a result."""

    rollouts: int
    steps: int = 0
    seconds: float
    failures: dict[FailureKind, int] = {}
    """Failed rollouts by kind."""

    @classmethod
    def of(cls, result: UnitResult) -> Self:
        """Summarise a result."""
        failures: dict[FailureKind, int] = {}
        for failure in result.failures:
            failures[failure.kind] = failures.get(failure.kind, 0) + len(failure.rollouts)
        rollouts, steps = len(result.returns), int(result.lengths.sum())
        return cls(rollouts=rollouts, steps=steps, seconds=result.busy_seconds, failures=failures)


class RefusedField(BaseModel):
    """A `FieldError` on its way."""

    field: str
    reason: str
    value: str | None


class Refusal(BaseModel):
    """An error of ours on its way from the slot to the client."""

    detail: str
    errors: list[RefusedField]

    @classmethod
    def of(cls, error: InvalidInput | ProtocolMismatch) -> Self:
        """Pack an error."""
        fields = error.errors if isinstance(error, InvalidInput) else ()
        return cls(
            detail=str(error),
            errors=[
                RefusedField(
                    field=item.field,
                    reason=item.reason,
                    value=None if item.value is None else str(item.value)[:200],
                )
                for item in fields
            ],
        )

    def error(self) -> SeedcastError:
        """Unpack it."""
        if not self.errors:
            return ProtocolMismatch(self.detail)
        return InvalidInput([FieldError(item.field, item.reason, item.value) for item in self.errors])


def encode_result(form: Kind, result: UnitResult) -> bytes:
    """Encode a result in the form in which its unit came."""
    return json.dumps(result.to_json()).encode() if form is Kind.UNIT_JSON else result.to_frame()

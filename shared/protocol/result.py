"""The reply: what a unit's rollouts came to, and why some have no result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import InvalidInput
from shared.frame import decode_frame, encode_frame
from shared.protocol.arrays import checked_array
from shared.protocol.version import PROTOCOL_VERSION
from shared.validation import invalid

FailureKind = Literal["timeout", "crash", "memory", "exception", "invalid"]


class Failure(BaseModel):
    """Why some rollouts of a unit have no result."""

    model_config = ConfigDict(frozen=True)

    kind: FailureKind
    message: str
    rollouts: list[int] = Field(description="Positions in the unit.")


class ResultHeader(BaseModel):
    """Everything of a result that is not an array."""

    model_config = ConfigDict(frozen=True)

    protocol: int = PROTOCOL_VERSION
    busy_seconds: float = Field(description="How long the slot worked on the unit.")
    failures: list[Failure] = Field(default_factory=list)


@dataclass(frozen=True)
class UnitResult:
    """What a unit's rollouts came to. A failed rollout's entries are NaN and 0."""

    returns: NDArray[np.float64]
    """Plain returns ``(rollouts,)``."""
    fitness: NDArray[np.float64]
    """Shaped returns ``(rollouts,)``; equal to ``returns`` where nothing is shaped."""
    lengths: NDArray[np.int32]
    """Environment steps ``(rollouts,)``."""
    observation_sums: NDArray[np.float64] | None = None
    """``(rollouts, observation_size)``, where statistics were asked for."""
    observation_squares: NDArray[np.float64] | None = None
    failures: list[Failure] = field(default_factory=list)
    busy_seconds: float = 0.0

    @classmethod
    def failed(cls, rollouts: int, kind: FailureKind, message: str, busy_seconds: float = 0.0) -> Self:
        """Return the result of a unit that failed as a whole."""
        nothing = np.full(rollouts, np.nan)
        failure = Failure(kind=kind, message=message, rollouts=list(range(rollouts)))
        lengths = np.zeros(rollouts, np.int32)
        return cls(nothing, nothing, lengths, failures=[failure], busy_seconds=busy_seconds)

    def to_frame(self) -> bytes:
        """Encode as a binary frame."""
        header = ResultHeader(busy_seconds=self.busy_seconds, failures=self.failures)
        return encode_frame(header.model_dump_json(), self._arrays())

    def to_json(self) -> dict[str, Any]:
        """Return what JSON holds; NaN becomes null."""
        lists = {
            name: np.where(np.isfinite(array), array.astype(object), np.array(None)).tolist()
            for name, array in self._arrays().items()
        }
        header = ResultHeader(busy_seconds=self.busy_seconds, failures=self.failures)
        return header.model_dump() | lists

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {
            "returns": self.returns,
            "fitness": self.fitness,
            "lengths": self.lengths,
        }
        if self.observation_sums is not None and self.observation_squares is not None:
            arrays["observation_sums"] = self.observation_sums
            arrays["observation_squares"] = self.observation_squares
        return arrays

    @classmethod
    def from_frame(cls, frame: bytes, rollouts: int) -> Self:
        """Decode and check the result of a unit of ``rollouts`` rollouts.

        Raises:
            InvalidInput: it is damaged or does not belong to such a unit.
        """
        text, arrays = decode_frame(frame)
        try:
            header = ResultHeader.model_validate_json(text)
        except ValidationError as error:
            raise invalid(error) from error
        result = cls(
            returns=checked_array(arrays, "returns", np.float64),
            fitness=checked_array(arrays, "fitness", np.float64),
            lengths=checked_array(arrays, "lengths", np.int32),
            observation_sums=arrays.get("observation_sums"),
            observation_squares=arrays.get("observation_squares"),
            failures=header.failures,
            busy_seconds=header.busy_seconds,
        )
        for name, array in result._arrays().items():
            if array.shape[:1] != (rollouts,):
                raise InvalidInput.of(name, f"has shape {array.shape}, the unit had {rollouts} rollouts")
        failed = {index for failure in header.failures for index in failure.rollouts}
        if failed - set(range(rollouts)):
            raise InvalidInput.of("failures", "name rollouts that the unit does not have")
        missing = set(np.flatnonzero(~np.isfinite(result.returns + result.fitness)).tolist()) - failed
        if missing:
            raise InvalidInput.of("returns", f"rollouts {sorted(missing)[:5]} have no result and no failure")
        return result

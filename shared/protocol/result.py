"""The reply: what a unit's rollouts came to, and why some have no result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seedcast.shared.errors import InvalidInput
from seedcast.shared.frame import decode_frame, encode_frame
from seedcast.shared.protocol.arrays import checked_array
from seedcast.shared.protocol.version import PROTOCOL_VERSION
from seedcast.shared.validation import invalid

FailureKind = Literal["timeout", "crash", "memory", "exception", "invalid"]


class Failure(BaseModel):
    """Why some rollouts of a unit have no result."""

    model_config = ConfigDict(frozen=True)

    kind: FailureKind = Field(description="What became of them.")
    message: str = Field(description="In the words of what failed.")
    rollouts: list[int] = Field(description="Positions in the unit.")


class ResultHeader(BaseModel):
    """Everything of a result that is not an array."""

    model_config = ConfigDict(frozen=True)

    protocol: int = Field(default=PROTOCOL_VERSION, description="The version of the protocol.")
    busy_seconds: float = Field(description="How long slots worked on the unit, added up.")
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

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the result of a unit from those of its parts, in their order."""
        failures, before = list[Failure](), 0
        for part in parts:
            for failure in part.failures:
                rollouts = [before + rollout for rollout in failure.rollouts]
                failures.append(failure.model_copy(update={"rollouts": rollouts}))
            before += len(part.returns)
        return cls(
            returns=np.concatenate([part.returns for part in parts]),
            fitness=np.concatenate([part.fitness for part in parts]),
            lengths=np.concatenate([part.lengths for part in parts]),
            observation_sums=_joined([(part.observation_sums, len(part.returns)) for part in parts]),
            observation_squares=_joined([(part.observation_squares, len(part.returns)) for part in parts]),
            failures=failures,
            busy_seconds=sum(part.busy_seconds for part in parts),
        )

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
    def from_frame(cls, frame: bytes, rollouts: int | None = None) -> Self:
        """Decode and check the result of a unit of so many rollouts; None: of as many as it tells of.

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
        rollouts = len(result.returns) if rollouts is None else rollouts
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


def _joined(parts: Sequence[tuple[NDArray[np.float64] | None, int]]) -> NDArray[np.float64] | None:
    """Join statistics of so many rollouts each; a part that failed as a whole has none, where others have some."""
    sizes = [array.shape[1] for array, _ in parts if array is not None]
    if not sizes:
        return None
    arrays = [np.zeros((rollouts, sizes[0])) if array is None else array for array, rollouts in parts]
    return np.concatenate(arrays)

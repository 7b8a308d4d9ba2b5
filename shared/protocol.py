"""What the master and a worker say to each other.

A *unit* is a batch of rollouts that one slot computes in one go. It carries everything; a worker keeps nothing
between units. The same request and result exist as a binary frame (`to_frame`, `from_frame`) and as JSON
(`RolloutRequestJson`), so that a person can curl a worker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import InvalidInput, ProtocolMismatch
from shared.frame import decode_frame, encode_frame
from shared.observation_stats import Normaliser
from shared.seeding import EPISODE_SEED_LIMIT
from shared.spec.environment import EnvironmentSpec
from shared.spec.policy import AnyPolicySpec
from shared.validation import invalid

PROTOCOL_VERSION = 1
FRAME_MEDIA_TYPE = "application/vnd.seedcast.frame"

FailureKind = Literal["timeout", "crash", "memory", "exception", "invalid"]


class RewardShaping(BaseModel):
    """The part of the fitness options that needs every step's reward. Tests use none."""

    model_config = ConfigDict(frozen=True)

    drop_terminal_penalty: float | None = None
    subtract_per_step: float = 0.0


class UnitHeader(BaseModel):
    """Everything of a unit that is not an array."""

    model_config = ConfigDict(frozen=True)

    protocol: int = PROTOCOL_VERSION
    environment: EnvironmentSpec
    policy: AnyPolicySpec
    population: Literal["rows"] = Field(
        default="rows", description="How members are described: as explicit parameter rows."
    )
    shaping: RewardShaping = RewardShaping()
    max_episode_steps: int | None = Field(
        default=None,
        ge=1,
        description="Episodes are truncated here if the environment does not end them before.",
    )
    collect_statistics: bool = False


@dataclass(frozen=True)
class Unit:
    """A batch of rollouts: rollout ``i`` runs ``parameters[rows[i]]`` on the episode of ``seeds[i]``."""

    header: UnitHeader
    parameters: NDArray[np.float32]
    """``(members, dimension)``"""
    rows: NDArray[np.int32]
    """``(rollouts,)``"""
    seeds: NDArray[np.int32]
    """``(rollouts,)``"""
    normaliser: Normaliser | None = None

    def __post_init__(self) -> None:
        if self.header.protocol != PROTOCOL_VERSION:
            raise ProtocolMismatch(
                f"the unit speaks protocol {self.header.protocol}, this worker speaks {PROTOCOL_VERSION}"
            )
        if self.parameters.ndim != 2 or not len(self.parameters):
            raise InvalidInput.of("parameters", f"needs shape (members, dimension), has {self.parameters.shape}")
        if self.rows.ndim != 1 or not len(self.rows) or self.rows.shape != self.seeds.shape:
            shapes = f"have {self.rows.shape} and {self.seeds.shape}"
            raise InvalidInput.of("rows", f"rows and seeds need one shape (rollouts,), {shapes}")
        if self.rows.min() < 0 or self.rows.max() >= len(self.parameters):
            raise InvalidInput.of("rows", f"must point into the {len(self.parameters)} parameter rows")
        if self.seeds.min() < 0 or self.seeds.max() >= EPISODE_SEED_LIMIT:
            raise InvalidInput.of("seeds", f"must be from 0 to {EPISODE_SEED_LIMIT - 1}")
        if not np.isfinite(self.parameters).all():
            raise InvalidInput.of("parameters", "must be finite")

    def __len__(self) -> int:
        return len(self.rows)

    def to_frame(self) -> bytes:
        """Encode as a binary frame."""
        arrays: dict[str, NDArray[Any]] = {
            "parameters": self.parameters,
            "rows": self.rows,
            "seeds": self.seeds,
        }
        if self.normaliser is not None:
            arrays |= {"normaliser_mean": self.normaliser.mean, "normaliser_std": self.normaliser.std}
        return encode_frame(self.header.model_dump_json(), arrays)

    @classmethod
    def from_frame(cls, frame: bytes) -> Self:
        """Decode and check a binary frame.

        Raises:
            InvalidInput: what is wrong with it.
            ProtocolMismatch: it is of another version.
        """
        header, arrays = decode_frame(frame)
        try:
            return cls(
                header=UnitHeader.model_validate_json(header),
                parameters=_array(arrays, "parameters", np.float32),
                rows=_array(arrays, "rows", np.int32),
                seeds=_array(arrays, "seeds", np.int32),
                normaliser=_normaliser(arrays),
            )
        except ValidationError as error:
            raise invalid(error) from error


class UnitJson(UnitHeader):
    """A unit as JSON: for curl and for reading."""

    parameters: list[list[float]] = Field(min_length=1)
    rows: list[int] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    normaliser_mean: list[float] | None = None
    normaliser_std: list[float] | None = None

    def unit(self) -> Unit:
        """Return the same unit with arrays.

        Raises:
            InvalidInput: the lists do not fit together.
        """
        try:
            parameters = np.array(self.parameters, np.float32)
            rows = np.array(self.rows, np.int32)
            seeds = np.array(self.seeds, np.int32)
        except (ValueError, OverflowError) as error:
            raise InvalidInput.of("parameters", str(error)) from error
        normaliser = None
        if self.normaliser_mean is not None and self.normaliser_std is not None:
            normaliser = Normaliser(
                np.array(self.normaliser_mean, np.float32), np.array(self.normaliser_std, np.float32)
            )
        header = UnitHeader.model_validate(self.model_dump(include=set(UnitHeader.model_fields)))
        return Unit(header, parameters, rows, seeds, normaliser)


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
            returns=_array(arrays, "returns", np.float64),
            fitness=_array(arrays, "fitness", np.float64),
            lengths=_array(arrays, "lengths", np.int32),
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


class WorkerInfo(BaseModel):
    """What a worker says of itself at GET /info."""

    protocol: int
    version: str
    slots: int
    cpu: str
    fingerprint: str = Field(description="Equal on machines that give equal bits.")
    environments: list[str]
    policies: list[str]


def _array(arrays: dict[str, NDArray[Any]], name: str, dtype: type[np.generic]) -> NDArray[Any]:
    try:
        array = arrays[name]
    except KeyError:
        raise InvalidInput.of(name, "is missing") from None
    if array.dtype != dtype:
        raise InvalidInput.of(name, f"must be {np.dtype(dtype).name}, is {array.dtype.name}")
    return array


def _normaliser(arrays: dict[str, NDArray[Any]]) -> Normaliser | None:
    if "normaliser_mean" not in arrays:
        return None
    return Normaliser(_array(arrays, "normaliser_mean", np.float32), _array(arrays, "normaliser_std", np.float32))

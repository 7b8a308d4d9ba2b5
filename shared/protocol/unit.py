"""The request: a *unit*, a batch of rollouts that a worker computes in one go. It carries everything.

An evaluation of an objective is a rollout too: of one step, whose return is the objective's value.

One slot computes it, or several, a *part* each. A part is a unit itself: the members, and some of the rollouts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from seedcast.shared.errors import InvalidInput, ProtocolMismatch
from seedcast.shared.frame import decode_frame, encode_frame
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.perturbations import GaussianMembers, Members
from seedcast.shared.protocol.arrays import checked_array
from seedcast.shared.protocol.members import (
    PopulationHeader,
    check_members,
    header_fields,
    member_arrays,
    read_members,
)
from seedcast.shared.protocol.version import PROTOCOL_VERSION, SLOTS_HEADER
from seedcast.shared.seeding import EPISODE_SEED_LIMIT
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveSpec
from seedcast.shared.spec.policy import AnyPolicySpec
from seedcast.shared.spec.task import TaskFields
from seedcast.shared.validation import invalid


class RewardShaping(BaseModel):
    """The part of the fitness options that needs every step's reward. Tests use none."""

    model_config = ConfigDict(frozen=True)

    drop_terminal_penalty: float | None = Field(
        default=None, description="A terminating reward at or below minus this counts 0."
    )
    finish_bonus: float = Field(default=0.0, description="Added to an episode that has finished.")
    finish_above: float = Field(default=0.0, description="It has if it terminates with a last reward above this.")
    subtract_per_step: float = Field(default=0.0, description="Taken off every step's reward.")


class UnitHeader(TaskFields, PopulationHeader):
    """Everything of a unit that is not an array."""

    protocol: int = Field(default=PROTOCOL_VERSION, description="The version of the protocol.")
    environment: EnvironmentSpec | None = Field(default=None, description="What the members act in.")
    policy: AnyPolicySpec | None = Field(default=None, description="What the members are parameters of.")
    objective: ObjectiveSpec | None = Field(
        default=None, description="What the members are solutions of, in place of environment and policy."
    )
    test: bool = Field(default=False, description="Of an objective: its test, where it has one of its own.")
    shaping: RewardShaping = RewardShaping()
    max_episode_steps: int | None = Field(
        default=None,
        ge=1,
        description="Episodes are truncated here if the environment does not end them before.",
    )
    collect_statistics: bool = Field(
        default=False, description="Sum observations and their squares, rollout by rollout."
    )

    @model_validator(mode="after")
    def _one_task(self) -> Self:
        self.check_task()
        return self


@dataclass(frozen=True)
class Unit:
    """A batch of rollouts: rollout ``i`` runs ``parameters[rows[i]]`` on the episode of ``seeds[i]``.

    What comes from elsewhere is checked where it comes in (`from_frame`, `UnitJson.unit`), by `checked`.
    """

    header: UnitHeader
    parameters: Members
    """``(members, dimension)``: rows, or what makes them one by one."""
    rows: NDArray[np.int32]
    """``(rollouts,)``"""
    seeds: NDArray[np.int32]
    """``(rollouts,)``"""
    normaliser: Normaliser | None = None

    def checked(self) -> Self:
        """Return the same unit, if its parts fit together.

        Raises:
            InvalidInput: what is wrong, by field.
            ProtocolMismatch: it is of another version, or of other noise.
        """
        if self.header.protocol != PROTOCOL_VERSION:
            raise ProtocolMismatch(
                f"the unit speaks protocol {self.header.protocol}, this worker speaks {PROTOCOL_VERSION}"
            )
        check_members(self.header, self.parameters)
        if self.rows.ndim != 1 or not len(self.rows) or self.rows.shape != self.seeds.shape:
            shapes = f"have {self.rows.shape} and {self.seeds.shape}"
            raise InvalidInput.of("rows", f"rows and seeds need one shape (rollouts,), {shapes}")
        if self.rows.min() < 0 or self.rows.max() >= len(self.parameters):
            raise InvalidInput.of("rows", f"must point into the {len(self.parameters)} parameter rows")
        if self.seeds.min() < 0 or self.seeds.max() >= EPISODE_SEED_LIMIT:
            raise InvalidInput.of("seeds", f"must be from 0 to {EPISODE_SEED_LIMIT - 1}")
        if self.normaliser is not None and (fault := self.normaliser.fault()):
            raise InvalidInput.of("normaliser", fault)
        return self

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, index: int, parts: int) -> Self:
        """Return part ``index`` of so many: rollouts that follow one another, about as many in each.

        Raises:
            InvalidInput: there are not so many rollouts.
        """
        if not 0 <= index < parts <= len(self):
            raise InvalidInput.of(SLOTS_HEADER, f"{len(self)} rollouts make no part {index} of {parts}")
        rollouts = slice(index * len(self) // parts, (index + 1) * len(self) // parts)
        return replace(self, rows=self.rows[rollouts], seeds=self.seeds[rollouts])

    def written_out(self) -> Self:
        """Return the same unit with its members as rows.

        Members of low rank stay keys: lanes compute with their factors, rows would give them other bits.
        """
        if isinstance(self.parameters, GaussianMembers) and self.parameters.key.low_rank is None:
            rows = np.asarray(self.parameters)
            return replace(self, header=self.header.model_copy(update=header_fields(rows)), parameters=rows)
        return self

    def to_frame(self) -> bytes:
        """Encode as a binary frame."""
        arrays = member_arrays(self.parameters) | {"rows": self.rows, "seeds": self.seeds}
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
        text, arrays = decode_frame(frame)
        try:
            header = UnitHeader.model_validate_json(text)
        except ValidationError as error:
            raise invalid(error) from error
        return cls(
            header=header,
            parameters=read_members(header, arrays),
            rows=checked_array(arrays, "rows", np.int32),
            seeds=checked_array(arrays, "seeds", np.int32),
            normaliser=_normaliser(arrays),
        ).checked()


class UnitJson(UnitHeader):
    """A unit as JSON: for curl and for reading."""

    parameters: list[list[float]] | None = Field(
        default=None, min_length=1, description="Of `rows`: a row for each member, `(members, dimension)`."
    )
    mean: list[float] | None = Field(
        default=None, min_length=1, description="Of members that are drawn: `(dimension,)`."
    )
    sigma: list[float] | None = Field(
        default=None, min_length=1, description="The same: `(dimension,)`, or one for all."
    )
    members: list[int] | None = Field(
        default=None, min_length=1, description="The same: their numbers, by which they are drawn."
    )
    rows: list[int] = Field(min_length=1, description="The member of each rollout.")
    seeds: list[int] = Field(min_length=1, description="The episode's seed of each rollout.")
    normaliser_mean: list[float] | None = Field(
        default=None, description="Of the observations, `(observation_size,)`."
    )
    normaliser_std: list[float] | None = Field(default=None, description="The same.")

    def unit(self) -> Unit:
        """Return the same unit with arrays.

        Raises:
            InvalidInput: the lists do not fit together.
        """
        arrays = {name: _array(name, values) for name in _DTYPES if (values := getattr(self, name)) is not None}
        header = UnitHeader.model_validate(self.model_dump(include=set(UnitHeader.model_fields)))
        members = read_members(header, arrays)
        return Unit(header, members, arrays["rows"], arrays["seeds"], _normaliser(arrays)).checked()


_DTYPES: dict[str, type[np.generic]] = {
    "parameters": np.float32,
    "mean": np.float32,
    "sigma": np.float32,
    "members": np.int32,
    "rows": np.int32,
    "seeds": np.int32,
    "normaliser_mean": np.float32,
    "normaliser_std": np.float32,
}


def _array(name: str, values: list[Any]) -> NDArray[Any]:
    try:
        return np.array(values, _DTYPES[name])
    except (ValueError, OverflowError) as error:
        raise InvalidInput.of(name, str(error)) from error


def _normaliser(arrays: dict[str, NDArray[Any]]) -> Normaliser | None:
    if "normaliser_mean" not in arrays:
        return None
    return Normaliser(
        checked_array(arrays, "normaliser_mean", np.float32), checked_array(arrays, "normaliser_std", np.float32)
    )

"""What a policy is: a flat parameter vector, and lanes that act on many observations at once.

The flat vector is float32. It holds the policy's blocks one after another, each in C order, as `Policy.layout`
lists them. A rollout's actions are the same to the bit whatever shares its batch: every lane is an item of a
stacked matrix product, or a row of a product of one shape; never a row of a product as large as the batch, whose
rounding would depend on it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictBool

from seedcast.shared.low_rank import LowRank, Matrix
from seedcast.shared.policies.actions import ActionHead, ActionScaling, action_head
from seedcast.shared.policies.symmetry import SymmetrySpec
from seedcast.shared.seeding import Purpose, generator
from seedcast.shared.spec.base import Spec
from seedcast.shared.spec.environment import ActionSpace

FloatArray = NDArray[np.float32]

LaneIndex = int | NDArray[np.intp]
"""One lane, or several: whatever indexes the first axis of an array."""


class PolicySpec(Spec):
    """What every policy has. A subclass narrows ``name`` to a ``Literal``."""

    name: Any
    actions: ActionScaling | None = Field(
        default=None,
        description="Continuous actions only: how outputs are brought into [-1, 1] before they are scaled into "
        "the action space. Default: tanh. Discrete actions take the argmax.",
    )
    output_gain: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1.0,
        exclude_if=lambda gain: gain == 1,  # workers that do not know it yet understand all else
        description="Continuous actions only: what outputs are multiplied by before they become actions. Below 1, "
        "actions begin gently, and noise in the parameters moves them less.",
    )
    normalise_observations: StrictBool = Field(
        default=False, description="Standardise observations by statistics of all those seen in training."
    )
    action_noise: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.0,
        description="Training only: the deviation of normal noise on the outputs, before they become actions.",
    )
    initial_std: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.0, description="The initial mean is drawn from a normal distribution of this deviation."
    )
    symmetry: SymmetrySpec | None = Field(
        default=None,
        exclude_if=lambda symmetry: symmetry is None,  # workers that do not know it yet understand all else
        description="The task's mirror image. The policy then acts mirrored on mirrored observations, whatever "
        "its parameters; each action takes two passes.",
    )


@dataclass(frozen=True)
class Block:
    """One named array inside the flat parameter vector."""

    name: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """The number of parameters."""
        return math.prod(self.shape)

    def view(self, parameters: FloatArray) -> FloatArray:
        """Return the block of ``parameters (dimension,)`` in its shape, without a copy."""
        return parameters[self.offset : self.offset + self.size].reshape(self.shape)

    def stacked_view(self, parameters: FloatArray) -> FloatArray:
        """Return the block of every row of ``parameters (rows, dimension)``, without a copy."""
        return parameters[:, self.offset : self.offset + self.size].reshape(len(parameters), *self.shape)


def blocks(shapes: list[tuple[str, tuple[int, ...]]]) -> tuple[Block, ...]:
    """Lay named shapes out one after another."""
    laid: list[Block] = []
    offset = 0
    for name, shape in shapes:
        laid.append(Block(name, shape, offset))
        offset += laid[-1].size
    return tuple(laid)


class PolicyLanes(ABC):
    """The policy at work in a window of lanes, each with parameters (and, if recurrent, state) of its own."""

    @abstractmethod
    def load(self, lanes: LaneIndex, parameters: FloatArray) -> None:
        """Put ``parameters (n, dimension)`` into lanes ``(n,)``, at the start of their episodes."""

    @abstractmethod
    def move(self, sources: LaneIndex, targets: LaneIndex) -> None:
        """Move running episodes to other lanes, so that live lanes stay contiguous; no lane is in both."""

    @abstractmethod
    def outputs(self, observations: FloatArray) -> FloatArray:
        """Map ``(live, observation_size)`` of the first ``live`` lanes to raw outputs ``(live, outputs)``.

        The returned array may be overwritten by the next call.
        """


class Policy(ABC):
    """A parametrised function from observations to actions."""

    Spec: ClassVar[type[PolicySpec]]

    layout: tuple[Block, ...]
    """The blocks of the flat parameter vector, in order."""

    head: ActionHead
    """Turns raw outputs into actions."""

    def __init__(self, spec: PolicySpec, observation_size: int, actions: ActionSpace) -> None:
        self.spec = spec
        self.observation_size = observation_size
        self.head = action_head(actions, spec.actions, spec.output_gain)

    @property
    def dimension(self) -> int:
        """The number of parameters."""
        return sum(block.size for block in self.layout)

    def initial_parameters(self, seed: int) -> FloatArray:
        """Return the mean ``(dimension,)`` that a search starts from."""
        draws = generator(seed, Purpose.INITIAL_MEAN).standard_normal(self.dimension, dtype=np.float32)
        return draws * np.float32(self.spec.initial_std)

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """The blocks that are matrices: those whose perturbations may be of low rank."""
        return tuple(
            Matrix(offset=one.offset, rows=one.shape[0], columns=one.shape[1])
            for one in self.layout
            if len(one.shape) == 2
        )

    @abstractmethod
    def lanes(self, width: int) -> PolicyLanes:
        """Return room for ``width`` episodes at once."""

    def perturbed_lanes(self, width: int, mean: FloatArray, low_rank: LowRank) -> PolicyLanes | None:  # noqa: ARG002
        """Return room for ``width`` episodes of members around ``mean (dimension,)``; None: there is no such way.

        Their parameters are never written out: `PolicyLanes.load` takes ``(n, numbers)`` as
        `shared.low_rank.Layout.around` makes them. Where there is no such way, lanes get whole rows: the members
        are the same, and only slower.
        """
        return None

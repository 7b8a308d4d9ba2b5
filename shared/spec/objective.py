"""What an objective is: a function to be optimised, in place of an environment and a policy."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from seedcast.shared.bounds import Box
from seedcast.shared.low_rank import Matrix
from seedcast.shared.spec.base import Spec
from seedcast.shared.spec.environment import Kwargs
from seedcast.shared.validation import contradiction

Direction = Literal["maximise", "minimise"]

MOST_DIMENSIONS = 100_000_000


def sign_of(direction: Direction) -> int:
    """Return what a value is multiplied by so that larger is better."""
    return -1 if direction == "minimise" else 1


class ObjectiveSpec(Spec):
    """Names a registered objective; nothing here is ever imported by path."""

    id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w./:-]+$", examples=["sphere"])] = Field(
        description="As an entry point of the group `seedcast.objectives` calls it."
    )
    kwargs: Kwargs = Field(default_factory=dict, description="Passed to its factory.")
    timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        default=60.0,
        description="What a slot may take for a unit of evaluations, or for one alone: beyond it, it is killed. "
        "Units are planned for half of it at most, so give twice what the longest evaluation takes.",
    )


class ObjectiveDescription(Spec):
    """What a worker says of an objective: all the master has to know to search."""

    dimension: Annotated[int, Field(ge=1, le=MOST_DIMENSIONS)] = Field(description="Numbers in a solution.")
    direction: Direction = Field(description="Whether larger values are better, or smaller ones.")
    noisy: bool = Field(description="Whether another seed gives another value.")
    initial_mean: float | list[float] = Field(
        default=0.0, description="Where the search begins, in the box; one number stands for all."
    )
    lower: float | list[float | None] | None = Field(
        default=None, description="Lower bounds; one stands for all, null for none."
    )
    upper: float | list[float | None] | None = Field(
        default=None, description="Upper bounds; one stands for all, null for none."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for field in ("initial_mean", "lower", "upper"):
            if isinstance(value := getattr(self, field), list) and len(value) != self.dimension:
                raise contradiction(field, f"needs {self.dimension} numbers, has {len(value)}")
        if (box := self.box) is None:
            return self
        if not (box.lower < box.upper).all():
            raise contradiction("lower", "each lower bound must be below the upper one")
        mean = np.asarray(self.initial_mean, np.float64)
        if not ((mean >= box.lower) & (mean <= box.upper)).all():
            raise contradiction("initial_mean", "must lie within the bounds")
        return self

    @property
    def sign(self) -> int:
        """What a value is multiplied by so that larger is better."""
        return sign_of(self.direction)

    @property
    def box(self) -> Box | None:
        """The bounds, where there are any."""
        if self.lower is None and self.upper is None:
            return None
        return Box(_bound(self.lower, -np.inf), _bound(self.upper, np.inf))

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """None: nothing is known of what its numbers mean."""
        return ()

    def initial_parameters(self, seed: int) -> NDArray[np.float32]:  # noqa: ARG002 - as a policy's
        """Return the point of the unbounded search space ``(dimension,)`` that a search begins at."""
        mean = np.broadcast_to(np.asarray(self.initial_mean, np.float64), (self.dimension,))
        box = self.box
        return mean.astype(np.float32) if box is None else box.outside(mean)

    def solutions(self, parameters: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the objective gets for points of the search space ``(n, dimension)``."""
        box = self.box
        return parameters if box is None else box.inside(parameters)


def _bound(value: float | list[float | None] | None, absent: float) -> NDArray[np.float64]:
    values = value if isinstance(value, list) else [value]
    return np.array([absent if one is None else one for one in values], np.float64)

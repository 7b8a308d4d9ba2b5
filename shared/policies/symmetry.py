"""A task's mirror image: which observations and actions change places, and which change sign.

A walker that is mirrored swaps its left leg for its right one: a `Mirror` of its observations, and one of its
actions. A task that looks the same mirrored has a best policy that acts mirrored there, too (Zinkevich and Balch,
"Symmetry in Markov decision processes and its implications for single agent and multiagent learning", 2001), and
such policies learn gaits whose legs alternate (Abdolhosseini et al., "On learning symmetric locomotion", 2019,
https://doi.org/10.1145/3359566.3360070).
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.base import Spec
from seedcast.shared.validation import contradiction

Index = Annotated[int, Field(ge=0)]
Pair = Annotated[list[Index], Field(min_length=2, max_length=2)]


class MirrorSpec(Spec):
    """What changes in the mirror image of a vector; all else stays."""

    swap: Annotated[list[Pair], Field(max_length=100_000)] = Field(
        default=[], description="Pairs of indices, counted from 0, that change places, such as [[4, 9], [5, 10]]."
    )
    negate: Annotated[list[Index], Field(max_length=100_000)] = Field(
        default=[], description="Indices whose sign changes; of a pair that changes places, both or neither."
    )

    @model_validator(mode="after")
    def _its_own_inverse(self) -> Self:
        for field, indices in (("swap", chain.from_iterable(self.swap)), ("negate", self.negate)):
            if twice := [index for index, count in Counter(indices).items() if count > 1]:
                raise contradiction(field, f"has {twice[0]} twice")
        negated = set(self.negate)
        for one, other in self.swap:
            if (one in negated) != (other in negated):
                reason = f"has one of {one} and {other}, which change places: give both or neither"
                raise contradiction("negate", reason)
        return self


class SymmetrySpec(Spec):
    """The mirror image of a task."""

    observations: MirrorSpec = Field(description="Of an observation, flattened.")
    actions: MirrorSpec = Field(
        description="Of a continuous action's dimensions, or of discrete choices, of which none has a sign."
    )


class Mirror:
    """The mirror image of vectors of one size. It is its own inverse."""

    def __init__(self, spec: MirrorSpec, size: int, field: str) -> None:
        """Take the mirror of ``field`` for vectors ``(size,)``.

        Raises:
            InvalidInput: it has an index beyond them.
        """
        for name, indices in (("swap", chain.from_iterable(spec.swap)), ("negate", spec.negate)):
            beyond = max(indices, default=-1)
            if beyond >= size:
                reason = f"has {beyond}, and there are {size}, counted from 0"
                raise InvalidInput.of(f"policy.symmetry.{field}.{name}", reason, beyond)
        self.places: NDArray[np.intp] = np.arange(size)
        """Where each value of the image stands in the vector ``(size,)``."""
        pairs = np.array(spec.swap, np.intp).reshape(-1, 2)
        self.places[pairs] = pairs[:, ::-1]
        self.signs = np.ones(size, np.float32)
        """1, or -1 where the image has the other sign ``(size,)``."""
        self.signs[spec.negate] = -1

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the mirror image of ``values (…, size)``, a new array of their type."""
        image: NDArray[Any] = values[..., self.places]
        image *= self.signs
        return image

    def evened(
        self, sums: NDArray[np.float64], squares: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return sums and sums of squares ``(…, size)`` of which half are the mirror image's."""
        return (sums + self(sums)) / 2, (squares + squares[..., self.places]) / 2

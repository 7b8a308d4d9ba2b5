"""Members that need not be stored: mean ± σ · z, each made from (mean, σ, counter keys) wherever it is needed.

z is standard normal in every parameter, or of low rank in matrices (`seedcast.shared.low_rank`).

Master and worker make them by this one function, of float32 throughout, so that both have the same bits: what
the strategy credits is what was evaluated, though no more than (mean, σ, keys) went from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from seedcast.shared.low_rank import Layout, LowRank, layout
from seedcast.shared.seeding import noise

FloatArray = NDArray[np.float32]
Counter = Annotated[int, Field(ge=0, lt=2**64, strict=True)]


def perturbed(mean: FloatArray, sigma: FloatArray, draws: FloatArray, *, mirrored: bool) -> FloatArray:
    """Return the members of the perturbations z ``draws (draws, dimension)``, in order, as a new array.

    One member for each draw, mean + σ z; if mirrored two, mean + σ z and mean − σ z. ``sigma`` is
    ``(dimension,)``, or ``(1,)`` where it is the same for all parameters.
    """
    perturbations = sigma * draws
    if not mirrored:
        np.add(mean, perturbations, out=perturbations)
        return perturbations
    members = np.empty((2 * len(draws), len(mean)), np.float32)
    np.add(mean, perturbations, out=members[0::2])
    np.subtract(mean, perturbations, out=members[1::2])
    return members


class NoiseKey(BaseModel):
    """Which noise the members of a generation are made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Counter = Field(description="Of the experiment.")
    generation: Counter = Field(description="Whose noise it is.")
    mirrored: bool = Field(
        default=False,
        description="Whether members 2i and 2i + 1 are mean ± the same perturbation, the i-th; otherwise member i "
        "has the i-th.",
    )
    low_rank: LowRank | None = Field(
        default=None,
        description="The matrices whose perturbations are products of thin factors; null where all noise is full.",
    )

    def draw(self, member: int) -> int:
        """Return the number of the draw that a member is made of."""
        return member // 2 if self.mirrored else member

    def numbers(self, draw: int, count: int, out: FloatArray | None = None) -> FloatArray:
        """Return the first ``count`` standard normal numbers of one draw, in ``out`` if it is given."""
        return noise(self.seed, self.generation, draw, count, out)

    def noise(self, draw: int, dimension: int, out: FloatArray | None = None) -> FloatArray:
        """Return the perturbation z ``(dimension,)`` of one draw, in ``out`` if it is given."""
        if self.low_rank is None:
            return self.numbers(draw, dimension, out)
        laid = layout(self.low_rank, dimension)
        z: FloatArray = laid.perturbation(self.numbers(draw, laid.numbers)[None])[0]
        if out is None:
            return z
        out[...] = z
        return out


@dataclass
class GaussianMembers:
    """Some members of one generation by description; index it as if it were their rows."""

    mean: FloatArray
    """``(dimension,)``"""
    sigma: FloatArray
    """``(dimension,)``, or ``(1,)`` where it is the same for all parameters."""
    key: NoiseKey
    numbers: NDArray[np.int32]
    """``(members,)``: which members of the generation these are."""
    _last: tuple[int, FloatArray] | None = field(default=None, init=False, repr=False, compare=False)
    """The members of the draw last asked for: episodes of one member, and pairs, come one after another."""
    _drawn: tuple[int, FloatArray] | None = field(default=None, init=False, repr=False, compare=False)
    """The same of the draws of low rank."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return ``(members, dimension)``."""
        return len(self.numbers), len(self.mean)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int | NDArray[np.integer[Any]]) -> FloatArray:
        """Make one member ``(dimension,)``, or those of an index ``(n,)``, ``(n, dimension)``."""
        if isinstance(index, int | np.integer):
            return self._member(int(self.numbers[index]))
        members = np.empty((len(index), len(self.mean)), np.float32)
        for row, one in enumerate(index):
            members[row] = self._member(int(self.numbers[one]))
        return members

    def around_the_mean(self, index: NDArray[np.integer[Any]]) -> FloatArray:
        """Return what lanes of low rank need of the members of an index ``(n,)``: ``(n, numbers)``.

        That is `Layout.around` of each. Only for members whose key is of low rank.
        """
        laid = self.layout
        members = np.empty((len(index), laid.numbers), np.float32)
        for row, number in enumerate(self.numbers[index].tolist()):
            draw = self.key.draw(number)
            if self._drawn is None or self._drawn[0] != draw:
                self._drawn = draw, self.key.numbers(draw, laid.numbers)
            minus = self.key.mirrored and number % 2
            deviation = -self.sigma[0] if minus else self.sigma[0]
            members[row] = laid.around(self.mean, deviation, self._drawn[1])
        return members

    @property
    def layout(self) -> Layout:
        """Where everything of a member's draws is. Only for members whose key is of low rank."""
        if self.key.low_rank is None:
            raise TypeError("members of full noise have no factors")
        return layout(self.key.low_rank, len(self.mean))

    def __array__(self, dtype: None = None, copy: bool | None = None) -> FloatArray:
        """Make all of them ``(members, dimension)``, for those who have the memory."""
        return self[np.arange(len(self))]

    def _member(self, number: int) -> FloatArray:
        draw = self.key.draw(number)
        if self._last is None or self._last[0] != draw:
            self._last = None  # its memory is for the next
            z = self.key.noise(draw, len(self.mean))
            self._last = draw, perturbed(self.mean, self.sigma, z[None], mirrored=self.key.mirrored)
        members = self._last[1]
        return np.asarray(members[number % len(members)])


Members = FloatArray | GaussianMembers
"""Members as a unit carries them: their rows ``(members, dimension)``, or what their rows are made of."""

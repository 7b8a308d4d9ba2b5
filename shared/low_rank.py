"""Perturbations of low rank: a matrix is perturbed by the product of two thin ones, everything else by full noise.

Sarkar, Fellows, Duque, Letcher et al., "Evolution strategies at the hyperscale" (EGGROLL, 2025,
https://arxiv.org/abs/2511.16652). For a matrix M ``(rows, columns)``, with the standard normal factors A
``(rows, rank)`` and B ``(rank, columns)``::

    E = A B / √rank                                                              (1)

whose elements have mean 0, variance 1 and no correlation, as full noise has. A member's layer needs no matrix of
its own, since ``u (M + σ E) = u M + (u A)(σ B / √rank)``, and a generation's update is one product of the members'
factors. Here matrices map rows of inputs to rows of outputs, so that A is at the inputs and B at the outputs.

The *draws* of a member are what its perturbation z ``(dimension,)`` is made of: in the order of the parameters,
A and B of each matrix, and one number for each parameter outside of them. They are fewer than the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

FloatArray = NDArray[np.float32]
Place = Annotated[int, Field(ge=0, lt=2**40, strict=True)]
Extent = Annotated[int, Field(ge=1, lt=2**31, strict=True)]

LARGEST_RANK = 64


class Matrix(BaseModel):
    """Where a matrix lies in the flat parameter vector, in C order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset: Place = Field(description="Where it begins.")
    rows: Extent = Field(description="As many as the layer has inputs.")
    columns: Extent = Field(description="As many as the layer has outputs.")

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.rows * self.columns

    @property
    def shape(self) -> tuple[int, int]:
        """``(rows, columns)`` of it."""
        return self.rows, self.columns

    @property
    def end(self) -> int:
        """The first parameter after it."""
        return self.offset + self.size


class LowRank(BaseModel):
    """Which matrices are perturbed by factors, and of which rank."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: Annotated[int, Field(ge=1, le=LARGEST_RANK, strict=True)] = Field(description="The columns of A and B.")
    matrices: Annotated[tuple[Matrix, ...], Field(max_length=1024)] = Field(
        description="In the order of the parameters; all others get full noise."
    )

    @classmethod
    def of(cls, matrices: Iterable[Matrix], rank: int) -> Self:
        """Return the perturbations of those matrices whose factors are fewer numbers than themselves."""
        return cls(rank=rank, matrices=tuple(one for one in matrices if rank * sum(one.shape) < one.size))

    def fault(self, dimension: int) -> str | None:
        """Say why it does not fit so many parameters, or nothing."""
        end = 0
        for one in self.matrices:
            if one.offset < end:
                return f"the matrix at {one.offset} begins before the end of the one before it"
            if self.rank * sum(one.shape) >= one.size:
                return f"a matrix {one.shape} has no fewer numbers than its factors of rank {self.rank}"
            end = one.end
        return f"its matrices end at {end} of {dimension} parameters" if end > dimension else None


@dataclass(frozen=True)
class Factors:
    """Where the factors of one matrix are among a member's draws."""

    matrix: Matrix
    rank: int
    offset: int

    @property
    def inputs(self) -> slice:
        """Of A ``(rows, rank)``, in C order."""
        return slice(self.offset, self.offset + self.matrix.rows * self.rank)

    @property
    def outputs(self) -> slice:
        """Of B ``(rank, columns)``, in C order."""
        start = self.inputs.stop
        return slice(start, start + self.rank * self.matrix.columns)

    def split(self, draws: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return views of ``draws (n, numbers)``: A ``(n, rows, rank)`` and B ``(n, rank, columns)``."""
        count = len(draws)
        return (
            draws[:, self.inputs].reshape(count, self.matrix.rows, self.rank),
            draws[:, self.outputs].reshape(count, self.rank, self.matrix.columns),
        )


@dataclass(frozen=True)
class Layout:
    """Where everything of a member's draws is."""

    dimension: int
    factors: tuple[Factors, ...]
    rest: tuple[tuple[slice, slice], ...]
    """The stretches of full noise: where each is among the parameters, and among the draws."""
    numbers: int
    """How many draws a member has."""

    def perturbation(self, draws: FloatArray) -> FloatArray:
        """Return z ``(n, dimension)`` of ``draws (n, numbers)``, written out, by (1).

        The rank's terms are added in their order: a matrix product would leave that to BLAS.
        """
        z = np.empty((len(draws), self.dimension), np.float32)
        for parameters, numbers in self.rest:
            z[:, parameters] = draws[:, numbers]
        for one in self.factors:
            inputs, outputs = one.split(draws)
            product = z[:, one.matrix.offset : one.matrix.end].reshape(len(draws), *one.matrix.shape)
            np.multiply(inputs[:, :, :1], outputs[:, :1], out=product)
            for term in range(1, one.rank):
                product += inputs[:, :, term, None] * outputs[:, term, None, :]
            if one.rank > 1:
                product *= np.float32(1 / math.sqrt(one.rank))
        return z

    def around(self, mean: FloatArray, deviation: np.float32, draws: FloatArray) -> FloatArray:
        """Return what a lane needs to act as mean + deviation · z: ``draws (numbers,)`` changed, a new array.

        The parameters outside of the factors are whole; A is as it was drawn, and B is times deviation / √rank.
        ``deviation`` is σ, or −σ for the other member of a mirrored pair.
        """
        values = draws.copy()
        for parameters, numbers in self.rest:
            values[numbers] = mean[parameters] + deviation * draws[numbers]
        for one in self.factors:
            values[one.outputs] *= np.float32(deviation / np.float32(math.sqrt(one.rank)))
        return values


@lru_cache(maxsize=64)
def layout(low_rank: LowRank, dimension: int) -> Layout:
    """Lay out the draws of a member of so many parameters."""
    factors: list[Factors] = []
    rest: list[tuple[slice, slice]] = []
    parameter = number = 0

    def leave(until: int) -> int:
        count = until - parameter
        if count:
            rest.append((slice(parameter, until), slice(number, number + count)))
        return number + count

    for matrix in low_rank.matrices:
        number = leave(matrix.offset)
        factors.append(Factors(matrix, low_rank.rank, number))
        number, parameter = factors[-1].outputs.stop, matrix.end
    number = leave(dimension)
    return Layout(dimension, tuple(factors), tuple(rest), number)

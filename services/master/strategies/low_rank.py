"""Sampling with perturbations of low rank, and the choice between them and full noise.

Sarkar, Fellows, Duque, Letcher et al., "Evolution strategies at the hyperscale" (EGGROLL, 2025,
https://arxiv.org/abs/2511.16652); `shared.low_rank` has the perturbations themselves. With A_i and B_i the factors
of draw i and w_i its weight, the update of a matrix is one product, of the factors of all draws side by side::

    Σ_i w_i E_i = Σ_i w_i A_i B_i / √rank = (w₁ A₁ … w_n A_n) (B₁; …; B_n) / √rank          (1)
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies import sampling
from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.population import Parameters
from seedcast.services.master.strategies.sampling import GaussianPopulation
from seedcast.shared.low_rank import LARGEST_RANK, LowRank, layout
from seedcast.shared.perturbations import GaussianMembers, NoiseKey
from seedcast.shared.spec.base import Spec

Vector = NDArray[np.float64]

AUTO_PARAMETERS = 15_000
"""From so many parameters on, ``auto`` is low rank: there the engine steps more than three times as fast, and with
a few thousand not one and a half times."""

_ROWS_AT_ONCE = 20
"""float32 ``(dimension,)``: a few members written out, and what they are made of."""


class PerturbationsSpec(Spec):
    """Of which kind the perturbations are."""

    kind: Literal["full", "low_rank", "auto"] = Field(
        default="full",
        description="full: noise on every parameter by itself. low_rank: each matrix is perturbed by a product of "
        "two thin ones, and biases by full noise: faster for large policies. auto: low_rank for policies of "
        f"{AUTO_PARAMETERS:,} parameters or more.",
    )
    rank: Annotated[int, Field(ge=1, le=LARGEST_RANK)] = Field(
        default=1, description="Columns of the thin matrices, where perturbations are of low rank."
    )

    def is_low_rank(self, dimension: int) -> bool:
        """Say which of both they are of, for a policy of so many parameters."""
        return self.kind == "low_rank" or (self.kind == "auto" and dimension >= AUTO_PARAMETERS)

    def low_rank(self, problem: Problem) -> LowRank | None:
        """Return which of a problem's matrices are perturbed by factors; None: all noise is full."""
        return LowRank.of(problem.matrices, self.rank) if self.is_low_rank(problem.dimension) else None


def low_rank_bytes(dimension: int, draws: int) -> int:
    """Return at most what draws and sums take at their peak, whatever the matrices are.

    A member's draws are never more than its parameters; the product (1) is float32 as they are, and takes copies
    of a chunk of them. Members are written out a few at a time, where they are penalised.
    """
    draws_and_copies = min(3 * 4 * dimension * draws, sampling.KEPT_BYTES + 2 * sampling.CHUNK_BYTES)
    return draws_and_copies + 4 * dimension * (1 + _ROWS_AT_ONCE)


class LowRankPopulation(GaussianPopulation):
    """Members mean + σ z or pairs mean ± σ z, with z of low rank. ``sigma`` is float32 ``(1,)``.

    Who makes one has called `use_one_blas_thread`: finding the libraries takes as long as thousands of draws.
    """

    def __init__(
        self,
        low_rank: LowRank,
        mean: Parameters,
        sigma: Parameters,
        *,
        seed: int,
        generation: int,
        population_size: int,
        mirrored: bool,
    ) -> None:
        super().__init__(
            mean, sigma, seed=seed, generation=generation, population_size=population_size, mirrored=mirrored
        )
        self._key = NoiseKey(seed=seed, generation=generation, mirrored=mirrored, low_rank=low_rank)
        self._layout = layout(low_rank, len(mean))
        self._width = self._layout.numbers

    def noise(self, start: int, stop: int, *, alone: bool = False) -> Parameters:
        """Return z ``(stop - start, dimension)`` of draws ``start`` to ``stop - 1``, written out."""
        return self._layout.perturbation(self._numbers(start, stop, alone=alone))

    def members(self, start: int, stop: int) -> GaussianMembers:
        """Return the members by what they are made of, however few they are.

        Lanes act on rows with other roundings: a unit's size must not choose between the two.
        """
        return GaussianMembers(self.mean, self._sent_sigma, self._key, np.arange(start, stop, dtype=np.int32))

    @overload
    def weighted_sums(self, linear: Vector) -> tuple[Vector, None]: ...

    @overload
    def weighted_sums(self, linear: Vector, quadratic: Vector) -> tuple[Vector, Vector]: ...

    def weighted_sums(self, linear: Vector, quadratic: Vector | None = None) -> tuple[Vector, Vector | None]:
        """Return Σ linear · z and, if it is asked for, Σ quadratic · (z² − 1), each float64 ``(dimension,)``.

        The first is (1), in single precision: its rounding is far below the noise of the sum itself. Draws are
        taken in chunks of one size, by one BLAS thread: the bits are the same on every run.
        """
        if quadratic is not None:
            return super().weighted_sums(linear, quadratic)
        total = np.zeros(len(self.mean))
        for start, stop in self._chunks(self._width):
            self._add_products(total, linear[start:stop].astype(np.float32), self._numbers(start, stop))
        return total, None

    def _add_products(self, total: Vector, weights: NDArray[np.float32], draws: Parameters) -> None:
        for parameters, numbers in self._layout.rest:
            total[parameters] += weights @ draws[:, numbers]
        for one in self._layout.factors:
            inputs, outputs = one.split(draws)
            count, rows, rank = inputs.shape
            scaled = inputs * (weights / np.float32(math.sqrt(rank)))[:, None, None]
            side_by_side = scaled.transpose(0, 2, 1).reshape(count * rank, rows)
            product = side_by_side.T @ outputs.reshape(count * rank, one.matrix.columns)  # (1)
            total[one.matrix.offset : one.matrix.end] += product.ravel()

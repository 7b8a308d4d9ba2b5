"""Base of the strategies that sample a Gaussian around a mean, and never hold the population whole.

An algorithm adds its own ``_ask`` and ``_tell``, and what else changes to ``_state``, ``_restore`` and
``_recentre``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.strategies.base import Parameters, Problem, State, Strategy, StrategyOrderError
from seedcast.services.master.strategies.blas import use_one_blas_thread
from seedcast.services.master.strategies.isotropic import IsotropicOptions
from seedcast.services.master.strategies.low_rank import LowRankPopulation, low_rank_bytes
from seedcast.services.master.strategies.sampling import GaussianPopulation, sampling_bytes
from seedcast.shared.low_rank import LowRank
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]


class GaussianSearch(Strategy):
    """A mean, and members drawn around it."""

    resizable = True

    vectors: ClassVar[int] = 18
    """As long as the mean, of float64, at once: the mean, σ, moments, sums, gradients, and Adam's temporaries."""

    def __init__(self, hyperparameters: StrategySpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        self._mean: Vector = problem.initial_mean.astype(np.float64)
        self._population: GaussianPopulation | None = None
        if _is_low_rank(hyperparameters, problem.dimension):
            use_one_blas_thread()

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:
        """Return the size of the noise held at once, of its kind, and of what is as long as the mean."""
        draws = population_size // 2 if cls.mirrored else population_size
        bytes_of_noise = low_rank_bytes if _is_low_rank(spec, dimension) else sampling_bytes
        noise = bytes_of_noise(dimension, draws)
        return noise + 8 * cls.vectors * dimension

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return self._mean.astype(np.float32)

    def _sample(self, sigma: Vector, low_rank: LowRank | None = None) -> GaussianPopulation:
        """Draw this generation's members: σ is ``(dimension,)``, or ``(1,)`` if the same for all parameters.

        With ``low_rank``, for which σ is ``(1,)``, matrices are perturbed by factors.
        """
        kind = GaussianPopulation if low_rank is None else partial(LowRankPopulation, low_rank)
        self._population = kind(
            self.mean,
            sigma.astype(np.float32),
            seed=self.problem.seed,
            generation=self.generation,
            population_size=self.population_size,
            mirrored=self.mirrored,
        )
        return self._population

    def _take_population(self) -> GaussianPopulation:
        """Return the population that is told, and keep its noise no longer than the caller does."""
        population, self._population = self._population, None
        if population is None:
            raise StrategyOrderError("there is no population to learn from")
        return population

    def _recentre(self, mean: Parameters) -> None:
        self._mean = mean.astype(np.float64)

    def _state(self) -> State:
        return {"mean": self._mean}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._mean = state["mean"].copy()
        self._population = None


def _is_low_rank(spec: StrategySpec, dimension: int) -> bool:
    return isinstance(spec, IsotropicOptions) and spec.perturbations.is_low_rank(dimension)

"""Base of the strategies that sample a Gaussian around a mean: its population, and what follows from it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from services.master.strategies.base import Parameters, Population, Problem, State, Strategy
from services.master.strategies.sampling import GaussianPopulation, sampling_bytes
from shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]


class GaussianSearch(Strategy):
    """A mean, and members drawn around it that are never held whole."""

    resizable = True

    vectors: ClassVar[int] = 18
    """As long as the mean, of float64, at once: the mean, σ, moments, sums, gradients, and Adam's temporaries."""

    def __init__(self, hyperparameters: StrategySpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        self._mean: Vector = problem.initial_mean.astype(np.float64)
        self._population = self._no_population()

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:  # noqa: ARG003
        """Return the size of the noise held at once and of what is as long as the mean."""
        draws = population_size // 2 if cls.mirrored else population_size
        return sampling_bytes(dimension, draws) + 8 * cls.vectors * dimension

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return self._mean.astype(np.float32)

    @abstractmethod
    def _deviations(self) -> Parameters:
        """Return σ, float32: ``(dimension,)``, or ``(1,)`` where it is the same for all parameters."""

    def _ask(self) -> Population:
        self._population = GaussianPopulation(
            self.mean,
            self._deviations(),
            seed=self.problem.seed,
            generation=self.generation,
            population_size=self.population_size,
            mirrored=self.mirrored,
        )
        return self._population

    def _tell(self, fitness: Vector) -> None:
        self._update(fitness)
        self._population = self._no_population()

    @abstractmethod
    def _update(self, fitness: Vector) -> None:
        """Learn from the fitness ``(population_size,)`` of the current population."""

    def _recentre(self, mean: Parameters) -> None:
        self._mean = mean.astype(np.float64)

    def _state(self) -> State:
        return {"mean": self._mean}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._mean = state["mean"].copy()
        self._population = self._no_population()

    @staticmethod
    def _no_population() -> GaussianPopulation:
        nothing = np.empty(0, np.float32)
        return GaussianPopulation(nothing, nothing, seed=0, generation=0, population_size=0, mirrored=True)

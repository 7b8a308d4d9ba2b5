"""Random search: members around one centre, of which the best ever seen is kept. A baseline.

What does not beat it has not learnt. Such, Madhavan, Conti, Lehman, Stanley and Clune compare with it in "Deep
neuroevolution: genetic algorithms are a competitive alternative for training deep neural networks for
reinforcement learning" (2017, https://arxiv.org/abs/1712.06567).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.base import Problem, State, Strategy
from seedcast.services.master.strategies.population import Parameters, Population
from seedcast.services.master.strategies.sampling import GaussianPopulation, sampling_bytes
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]


class RandomSearchSpec(StrategySpec):
    """Hyperparameters of random search."""

    name: Literal["random_search"] = "random_search"
    sigma: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1.0, description="The standard deviation of every parameter around the initial mean."
    )


class RandomSearch(Strategy):
    """Draw around the centre and remember the best; the fitness it once had counts, lucky or not."""

    Spec = RandomSearchSpec
    hyperparameters: RandomSearchSpec
    resizable = True
    paper = "https://arxiv.org/abs/1712.06567"
    suits = "A baseline: how far chance alone comes with the same evaluations."

    def __init__(self, hyperparameters: RandomSearchSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        self._population: GaussianPopulation | None = None
        self._centre: Parameters
        self._best: Parameters
        self._best_fitness: float
        self._recentre(problem.initial_mean)

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:  # noqa: ARG003
        """Return the size of the noise that is kept, and of a few vectors and members."""
        return sampling_bytes(dimension, population_size) + 4 * dimension * 16 + 8 * population_size

    @property
    def mean(self) -> Parameters:
        """The best member ``(dimension,)`` ever seen: what is tested and saved as the model."""
        return self._best.copy()

    def summary(self) -> dict[str, float]:
        """Return the distance of the best from the centre, per parameter."""
        return {"best_distance": float(np.sqrt(np.square(self._best - self._centre).mean()))}

    def _ask(self) -> Population:
        self._population = GaussianPopulation(
            self._centre,
            np.full(1, self.hyperparameters.sigma, np.float32),
            seed=self.problem.seed,
            generation=self.generation,
            population_size=self.population_size,
            mirrored=False,
        )
        return self._population

    def _tell(self, fitness: Vector) -> None:
        best = int(np.argmax(fitness))
        if self._population is not None and fitness[best] > self._best_fitness:
            self._best = self._population.rows(best, best + 1)[0].copy()
            self._best_fitness = float(fitness[best])
        self._population = None

    def _recentre(self, mean: Parameters) -> None:
        self._centre, self._best, self._best_fitness = mean.copy(), mean.copy(), -np.inf

    def forget_fitness(self) -> None:
        """Let the next generation's best replace the best there is."""
        self._best_fitness = -np.inf

    def _state(self) -> State:
        return {"centre": self._centre, "best": self._best, "best_fitness": np.array(self._best_fitness)}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._centre, self._best = state["centre"].copy(), state["best"].copy()
        self._best_fitness = float(state["best_fitness"].item())

"""What the strategies share that sample a Gaussian in mirrored pairs and follow a gradient estimated from them.

Members 2i and 2i + 1 are μ + σ z_i and μ − σ z_i.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from services.master.strategies.ascent import Ascent, AscentOptions
from services.master.strategies.base import Parameters, Population, Problem, State
from services.master.strategies.fitness_shaping import (
    FITNESS_SHAPINGS,
    FitnessShaping,
    best_pairs,
    l2_penalty,
)
from services.master.strategies.gaussian_search import GaussianSearch
from services.master.strategies.schedules import AnySchedule, factor
from shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class PairWeights:
    """The weights of a generation's pairs; those of a pair that does not count are 0."""

    shaped: Vector
    """Of the members that count, in order: ``(2 * pairs,)``."""
    linear: Vector
    """(f⁺ − f⁻)/2 of each pair ``(draws,)``, f being the shaped fitness."""
    quadratic: Vector
    """(f⁺ + f⁻)/2 − b ``(draws,)``, with the mean as the baseline b."""

    @property
    def pairs(self) -> int:
        """How many count."""
        return len(self.shaped) // 2


@dataclass(frozen=True)
class PairShaping:
    """How fitness becomes the weights of the pairs: penalised, the best pairs chosen, and shaped among them."""

    l2_penalty: float
    fitness_shaping: FitnessShaping
    elites: Callable[[int], int]
    """Of so many pairs so many count."""
    penalty_last: bool = False
    """Whether the penalty is taken off the shaped fitness, as estool does, and not off the fitness."""

    def weigh(self, fitness: Vector, population: Population) -> PairWeights:
        """Return the weights for the ``fitness (population_size,)`` of a population."""
        draws, penalty = len(fitness) // 2, l2_penalty(population, self.l2_penalty)
        judged = fitness if self.penalty_last else fitness - penalty
        chosen = best_pairs(judged, self.elites(draws))
        members = np.stack([2 * chosen, 2 * chosen + 1], axis=1).ravel()
        shaped = FITNESS_SHAPINGS[self.fitness_shaping](judged[members])
        if self.penalty_last:
            shaped = shaped - penalty[members]
        plus, minus = shaped[0::2], shaped[1::2]
        linear, quadratic = np.zeros(draws), np.zeros(draws)
        linear[chosen] = (plus - minus) / 2
        quadratic[chosen] = (plus + minus) / 2 - shaped.mean()
        return PairWeights(shaped, linear, quadratic)


class MirroredSearch(GaussianSearch):
    """Base: pairs are weighed, and the mean ascends."""

    mirrored = True

    def __init__(
        self, hyperparameters: StrategySpec, problem: Problem, shaping: PairShaping, ascent: AscentOptions
    ) -> None:
        super().__init__(hyperparameters, problem)
        self._shaping = shaping
        self._ascent = Ascent(ascent, problem.dimension)

    def _update(self, fitness: Vector) -> None:
        self._follow(self._shaping.weigh(fitness, self._population))

    @abstractmethod
    def _follow(self, weights: PairWeights) -> None:
        """Estimate the gradient and follow it."""

    def _recentre(self, mean: Parameters) -> None:
        super()._recentre(mean)
        self._ascent.rest()

    def _state(self) -> State:
        return super()._state() | self._ascent.state()

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(state)
        self._ascent.restore(state)


class IsotropicOptions(AscentOptions):
    """What the strategies share whose σ is one number that is not learnt."""

    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.02, description="The standard deviation of the perturbations, at the start."
    )
    sigma_schedule: AnySchedule = Field(default=None, description="How σ falls.")


class IsotropicSearch(MirroredSearch):
    """Base: σ is one number, whose schedule is given."""

    hyperparameters: IsotropicOptions

    def __init__(self, hyperparameters: IsotropicOptions, problem: Problem, shaping: PairShaping) -> None:
        super().__init__(hyperparameters, problem, shaping, hyperparameters)

    @property
    def sigma(self) -> float:
        """The σ of the next population."""
        return self.hyperparameters.sigma_init * factor(self.hyperparameters.sigma_schedule, self.generation)

    def summary(self) -> dict[str, float]:
        """Return σ and the learning rate."""
        return {"sigma": self.sigma, "learning_rate": self._ascent.step_size(self.generation)}

    def _deviations(self) -> Parameters:
        return np.array([self.sigma], np.float32)

    def _ascend(self, gradient: Vector) -> None:
        self._mean = self._ascent.step(self._mean, gradient, self._ascent.step_size(self.generation))

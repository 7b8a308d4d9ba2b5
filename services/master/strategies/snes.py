"""SNES: separable natural evolution strategies, with a σ for each parameter.

Schaul, Glasmachers and Schmidhuber, "High dimensions and heavy tails for natural evolution strategies" (2011,
https://doi.org/10.1145/2001576.2001692); Wierstra, Schaul, Glasmachers, Sun, Peters and Schmidhuber, "Natural
evolution strategies" (JMLR 2014, https://jmlr.org/papers/v15/wierstra14a.html). With u the members' utilities::

    μ ← μ + η_μ σ Σ u z                                                          (1)
    σ ← σ exp(η_σ/2 Σ u (z² − 1))                                                (2)

The papers' population is 4 + ⌊3 ln d⌋ for d parameters; noisy returns want more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.base import Fields, Population, Problem, State
from seedcast.services.master.strategies.fitness_shaping import PenaltyOptions, nes_utilities, subtract_l2_penalty
from seedcast.services.master.strategies.gaussian_search import GaussianSearch
from seedcast.services.master.strategies.pairs import spread
from seedcast.services.master.strategies.schedules import AnySchedule, change

Vector = NDArray[np.float64]


class SNESSpec(PenaltyOptions):
    """Hyperparameters of SNES; the learning rates' defaults are the papers'."""

    name: Literal["snes"] = "snes"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.1, description="The σ of every parameter at the start."
    )
    mean_learning_rate: Annotated[float, Field(gt=0, le=10)] = Field(default=1.0, description="η_μ, of the mean.")
    sigma_learning_rate: Annotated[float, Field(gt=0, le=2)] | None = Field(
        default=None, description="η_σ; (3 + ln d) / (5 √d) for d parameters unless given."
    )
    sigma_schedule: AnySchedule = Field(
        default=None, description="How σ falls apart from what is learnt, which it multiplies by its changes."
    )

    def sigma_rate(self, dimension: int) -> float:
        """Return η_σ."""
        if self.sigma_learning_rate is not None:
            return self.sigma_learning_rate
        return float((3 + np.log(dimension)) / (5 * np.sqrt(dimension)))


class SNES(GaussianSearch):
    """Separable natural evolution strategy."""

    Spec = SNESSpec
    hyperparameters: SNESSpec
    begun_by: ClassVar[Mapping[str, Fields]] = {"sigma": ("sigma_init",)}
    paper = "https://jmlr.org/papers/v15/wierstra14a.html"
    suits = "Any number of parameters whose scales differ but which depend little on one another; nothing to tune."

    def __init__(self, hyperparameters: SNESSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        self._sigma: Vector = np.full(problem.dimension, hyperparameters.sigma_init)

    def summary(self) -> dict[str, float]:
        """Return the spread of the step sizes."""
        return spread(self._sigma)

    def _ask(self) -> Population:
        return self._sample(self._sigma)

    def _tell(self, fitness: Vector) -> None:
        chosen, population = self.hyperparameters, self._take_population()
        utilities = nes_utilities(subtract_l2_penalty(fitness, population, chosen.l2_penalty))
        along, beyond = population.weighted_sums(utilities, utilities)
        self._mean = self._mean + chosen.mean_learning_rate * self._sigma * along  # (1)
        growth = np.exp(chosen.sigma_rate(self.problem.dimension) / 2 * beyond)  # (2)
        self._sigma = self._sigma * growth * change(chosen.sigma_schedule, self.clock, self.end)

    def _state(self) -> State:
        return super()._state() | {"sigma": self._sigma}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(state)
        self._sigma = state["sigma"].copy()

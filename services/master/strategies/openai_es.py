"""OpenAI-ES: one fixed σ, mirrored pairs, centred ranks and Adam.

Salimans, Ho, Chen, Sidor and Sutskever, "Evolution strategies as a scalable alternative to reinforcement learning"
(2017, https://arxiv.org/abs/1703.03864). With r⁺ and r⁻ the centred ranks of a pair at θ ± σ z, over n pairs::

    g = Σ (r⁺ − r⁻) z / (2 n)                                                (1)
    θ ← θ + Adam(g − λ θ)                                                    (2)

It is the gradient of the authors' evolution-strategies-starter: the paper's times σ, to which Adam is blind, but
not λ, the decay of the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.ascent import Ascent, AscentOptions
from seedcast.services.master.strategies.base import Parameters, Population, Problem, State
from seedcast.services.master.strategies.fitness_shaping import PenaltyOptions, ShapingOptions, subtract_l2_penalty
from seedcast.services.master.strategies.gaussian_search import GaussianSearch
from seedcast.services.master.strategies.isotropic import IsotropicOptions
from seedcast.services.master.strategies.optimizers import AdamSpec, AnyOptimizerSpec
from seedcast.services.master.strategies.pairs import pair_direction, weigh_pairs

Vector = NDArray[np.float64]


class OpenAIESSpec(IsotropicOptions, AscentOptions, ShapingOptions, PenaltyOptions):
    """Hyperparameters of OpenAI-ES; the defaults are those of the authors' configuration for Humanoid."""

    name: Literal["openai_es"] = "openai_es"
    optimizer: AnyOptimizerSpec = Field(
        default=AdamSpec(step_size=0.01), description="How the mean follows its gradient."
    )
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.005, description="λ: pulls the mean towards zero in each generation."
    )


class OpenAIES(GaussianSearch):
    """Evolution strategies as OpenAI scaled them."""

    Spec = OpenAIESSpec
    hyperparameters: OpenAIESSpec
    mirrored = True
    paper = "https://arxiv.org/abs/1703.03864"
    suits = "Large networks and populations, where the scale of the perturbations is known: σ is not learnt."

    def __init__(self, hyperparameters: OpenAIESSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        self._ascent = Ascent(hyperparameters, problem.dimension)

    def summary(self) -> dict[str, float]:
        """Return σ and the learning rate."""
        sigma = float(self.hyperparameters.sigma(self.clock)[0])
        return {"sigma": sigma, "learning_rate": self._ascent.step_size(self.clock)}

    def _ask(self) -> Population:
        chosen = self.hyperparameters
        return self._sample(chosen.sigma(self.clock), chosen.perturbations.low_rank(self.problem))

    def _tell(self, fitness: Vector) -> None:
        chosen, population = self.hyperparameters, self._take_population()
        penalised = subtract_l2_penalty(fitness, population, chosen.l2_penalty)
        weights = weigh_pairs(penalised, chosen.top_pairs(population.draws), chosen.shape)
        gradient = pair_direction(population, weights)  # (1)
        self._mean = self._ascent.step(self._mean, gradient, self._ascent.step_size(self.clock))  # (2)

    def _recentre(self, mean: Parameters) -> None:
        super()._recentre(mean)
        self._ascent.rest()

    def _state(self) -> State:
        return super()._state() | self._ascent.state()

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(state)
        self._ascent.restore(state)

"""ARS: augmented random search, V1, V1-t, V2 and V2-t.

Mania, Guy and Recht, "Simple random search provides a competitive approach to reinforcement learning" (2018,
https://arxiv.org/abs/1803.07055), algorithm 2. With ν the exploration noise, r⁺ and r⁻ the returns at θ ± ν δ, and
σ_R the standard deviation of the 2 b returns used, over the b directions of the largest max(r⁺, r⁻)::

    θ ← θ + α / (b σ_R) · Σ (r⁺ − r⁻) δ                                          (1)

The variants: V1 uses all directions, V1-t the ``top_directions``; V2 and V2-t are the same with the policy's
``normalise_observations``, for linear policies in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.ascent import Ascent, AscentOptions
from seedcast.services.master.strategies.base import Parameters, Population, Problem, State
from seedcast.services.master.strategies.fitness_shaping import PenaltyOptions, subtract_l2_penalty, z_score
from seedcast.services.master.strategies.gaussian_search import GaussianSearch
from seedcast.services.master.strategies.isotropic import IsotropicOptions
from seedcast.services.master.strategies.optimizers import AnyOptimizerSpec, SGDSpec
from seedcast.services.master.strategies.pairs import pair_direction, weigh_pairs

Vector = NDArray[np.float64]


class ARSSpec(IsotropicOptions, AscentOptions, PenaltyOptions):
    """Hyperparameters of ARS; the defaults of ν and α are those of the authors' code."""

    name: Literal["ars"] = "ars"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.03, description="ν: the standard deviation of the perturbations, at the start."
    )
    top_directions: Annotated[int, Field(ge=1, le=50_000)] | None = Field(
        default=None,
        description="b: how many directions (mirrored pairs) the update is made of, the best, and all that equal "
        "the last of them; all unless given, or where there are fewer.",
    )
    optimizer: AnyOptimizerSpec = Field(
        default=SGDSpec(step_size=0.02, momentum=0.0),
        description="How the mean follows its gradient: its step size is α.",
    )


class ARS(GaussianSearch):
    """Augmented random search."""

    Spec = ARSSpec
    hyperparameters: ARSSpec
    mirrored = True
    paper = "https://arxiv.org/abs/1803.07055"
    suits = "Linear policies of continuous control with normalised observations: two numbers to tune, ν and α."

    def __init__(self, hyperparameters: ARSSpec, problem: Problem) -> None:
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
        directions = min(population.draws, chosen.top_directions or population.draws)  # b
        # r⁺ and r⁻ over σ_R are z-scores: the mean cancels out of their difference, of which the weights are half.
        weights = weigh_pairs(penalised, directions, z_score)
        gradient = 2 * pair_direction(population, weights)
        self._mean = self._ascent.step(self._mean, gradient, self._ascent.step_size(self.clock))  # (1)

    def _recentre(self, mean: Parameters) -> None:
        super()._recentre(mean)
        self._ascent.rest()

    def _state(self) -> State:
        return super()._state() | self._ascent.state()

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(state)
        self._ascent.restore(state)

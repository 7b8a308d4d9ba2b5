"""ARS: augmented random search, V1, V1-t, V2 and V2-t.

Mania, Guy and Recht, "Simple random search provides a competitive approach to reinforcement learning" (2018,
https://arxiv.org/abs/1803.07055), algorithm 2. With ν the exploration noise, r⁺ and r⁻ the returns at θ ± ν δ, and
σ_R the standard deviation of the 2 b returns used, over the b directions of the largest max(r⁺, r⁻)::

    θ ← θ + α / (b σ_R) · Σ (r⁺ − r⁻) δ                                          (1)

The variants: V1 uses all directions, V1-t the ``top_directions``; V2 and V2-t are the same with the policy's
``normalise_observations``, for linear policies in the paper.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from services.master.strategies.base import Problem
from services.master.strategies.fitness_shaping import PenaltyOptions
from services.master.strategies.mirrored import IsotropicOptions, IsotropicSearch, PairShaping, PairWeights
from services.master.strategies.optimizers import AnyOptimizerSpec, SGDSpec

Vector = NDArray[np.float64]


class ARSSpec(IsotropicOptions, PenaltyOptions):
    """Hyperparameters of ARS; the defaults of ν and α are those of the authors' code."""

    name: Literal["ars"] = "ars"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.03, description="ν: the standard deviation of the perturbations, at the start."
    )
    top_directions: Annotated[int, Field(ge=1, le=50_000)] | None = Field(
        default=None,
        description="b: how many directions (mirrored pairs) the update is made of, the best; all unless given, "
        "or where there are fewer.",
    )
    optimizer: AnyOptimizerSpec = Field(
        default=SGDSpec(step_size=0.02, momentum=0.0),
        description="How the mean follows its gradient: its step size is α.",
    )

    def elites(self, pairs: int) -> int:
        """Return how many of the pairs enter the update."""
        return min(pairs, self.top_directions or pairs)


class ARS(IsotropicSearch):
    """Augmented random search."""

    Spec = ARSSpec
    hyperparameters: ARSSpec
    paper = "https://arxiv.org/abs/1803.07055"
    suits = "Linear policies of continuous control with normalised observations: two numbers to tune, ν and α."

    def __init__(self, hyperparameters: ARSSpec, problem: Problem) -> None:
        # Divided by their standard deviation, r⁺ and r⁻ are z-scores: the mean cancels out of the difference.
        shaping = PairShaping(hyperparameters.l2_penalty, "z_score", hyperparameters.elites)
        super().__init__(hyperparameters, problem, shaping)

    def _follow(self, weights: PairWeights) -> None:
        total, _ = self._population.weighted_sums(weights.linear)
        self._ascend(2 * total / weights.pairs)  # (1): the weights are (r⁺ − r⁻) / 2 σ_R

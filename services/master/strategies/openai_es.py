"""OpenAI-ES: one fixed σ, mirrored pairs, centred ranks and Adam.

Salimans, Ho, Chen, Sidor and Sutskever, "Evolution strategies as a scalable alternative to reinforcement learning"
(2017, https://arxiv.org/abs/1703.03864). With r⁺ and r⁻ the centred ranks of a pair, over n pairs::

    g = Σ (r⁺ − r⁻) z / (2 n) − λ θ                                              (1)

which the optimizer climbs. It is the gradient of the authors' evolution-strategies-starter: the paper's times σ,
to which Adam is blind, but not λ, the decay of the parameters.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from services.master.strategies.base import Problem
from services.master.strategies.fitness_shaping import PenaltyOptions, ShapingOptions
from services.master.strategies.mirrored import IsotropicOptions, IsotropicSearch, PairShaping, PairWeights
from services.master.strategies.optimizers import AdamSpec, AnyOptimizerSpec

Vector = NDArray[np.float64]


class OpenAIESSpec(IsotropicOptions, ShapingOptions, PenaltyOptions):
    """Hyperparameters of OpenAI-ES; the defaults are those of the authors' configuration for Humanoid."""

    name: Literal["openai_es"] = "openai_es"
    optimizer: AnyOptimizerSpec = Field(
        default=AdamSpec(step_size=0.01), description="How the mean follows its gradient."
    )
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.005, description="λ: pulls the mean towards zero in each generation."
    )


class OpenAIES(IsotropicSearch):
    """Evolution strategies as OpenAI scaled them."""

    Spec = OpenAIESSpec
    hyperparameters: OpenAIESSpec
    paper = "https://arxiv.org/abs/1703.03864"
    suits = "Large networks and populations, where the scale of the perturbations is known: σ is not learnt."

    def __init__(self, hyperparameters: OpenAIESSpec, problem: Problem) -> None:
        chosen = hyperparameters
        shaping = PairShaping(chosen.l2_penalty, chosen.fitness_shaping, chosen.elites)
        super().__init__(hyperparameters, problem, shaping)

    def _follow(self, weights: PairWeights) -> None:
        total, _ = self._population.weighted_sums(weights.linear)
        self._ascend(total / weights.pairs)  # (1); the decay of the parameters is the ascent's

"""PEPG as the 2019 sample and estool configure it: mirrored sampling, ranks, Adam, decaying σ.

Sehnke, Osendorfer, Rückstieß, Graves, Peters and Schmidhuber, "Parameter-exploring policy gradients" (2010,
https://doi.org/10.1016/j.neunet.2009.12.004), with the schedules and the normalised σ update of estool: Ha,
"Evolving stable strategies" (2017, https://blog.otoro.net/2017/11/12/evolving-stable-strategies/).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from services.master.strategies.base import Problem, State
from services.master.strategies.fitness_shaping import FitnessShaping
from services.master.strategies.gaussian import MirroredGaussian
from services.master.strategies.optimizers import Adam, AdamSpec
from shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]
Decay = Annotated[float, Field(gt=0, le=1)]


class PEPGSpec(StrategySpec):
    """Hyperparameters of PEPG; the defaults are the sample's for Minitaur."""

    name: Literal["pepg"] = "pepg"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.1, description="The σ of every parameter at the start."
    )
    sigma_learning_rate: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.2, description="Multiplies the gradient of σ; 0 leaves σ to its decay."
    )
    sigma_max_change: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.2, description="The greatest learnt change of σ in one generation, relative to σ."
    )
    sigma_decay: Decay = Field(
        default=0.999, description="Multiplies σ after each generation, while above its limit."
    )
    sigma_limit: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.01, description="A σ at or below this decays no more."
    )
    learning_rate: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.01, description="Adam's step size for the mean, at the start."
    )
    learning_rate_decay: Decay = Field(
        default=0.9999,
        description="Multiplies the learning rate after each generation, while above its limit.",
    )
    learning_rate_limit: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.01, description="A learning rate at or below this decays no more."
    )
    fitness_shaping: FitnessShaping = Field(
        default="centred_ranks", description="How fitness becomes the weights of the update."
    )
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.01,
        description="Times the mean square of a member's parameters, subtracted from its fitness.",
    )


class PEPG(MirroredGaussian):
    """Parameter-exploring policy gradients: Adam climbs the mean's gradient, σ follows its own and decays."""

    Spec = PEPGSpec
    hyperparameters: PEPGSpec

    def __init__(self, hyperparameters: PEPGSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem, hyperparameters.sigma_init, Adam(AdamSpec(), problem.dimension))
        self._learning_rate = hyperparameters.learning_rate

    def summary(self) -> dict[str, float]:
        """Return the spread of the step sizes and the learning rate."""
        return super().summary() | {"learning_rate": self._learning_rate}

    def _shape(self, fitness: Vector) -> Vector:
        chosen = self.hyperparameters
        return self._penalise_and_shape(fitness, chosen.weight_decay, chosen.fitness_shaping)

    def _learn(self, shaped: Vector, mean_gradient: Vector, sigma_gradient: Vector) -> None:
        # Σ (r⁺ − r⁻) ε, not its mean: the scale matters only beside Adam's epsilon, and this is estool's.
        self._mean = self._mean + self._optimizer.ascend(len(shaped) * mean_gradient, self._learning_rate)
        # Δσ = Σ (r − b) (ε² − σ²)/σ / (2 · pairs · std(r)); equal rewards make the sum 0 already.
        delta = sigma_gradient / (2 * (float(shaped.std()) or 1.0))
        self._sigma = self._sigma + self._limited(
            self.hyperparameters.sigma_learning_rate * delta, self.hyperparameters.sigma_max_change
        )
        self._decay()

    def _decay(self) -> None:
        chosen = self.hyperparameters
        above = self._sigma > chosen.sigma_limit
        self._sigma = np.where(above, self._sigma * chosen.sigma_decay, self._sigma)
        if self._learning_rate > chosen.learning_rate_limit:
            self._learning_rate *= chosen.learning_rate_decay

    def _state(self) -> State:
        return super()._state() | {"learning_rate": np.array(self._learning_rate)}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(state)
        self._learning_rate = float(state["learning_rate"].item())

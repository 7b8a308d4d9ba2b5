"""PEPG as the 2019 sample and estool configure it: mirrored sampling, ranks, Adam, decaying σ.

Sehnke, Osendorfer, Rückstieß, Graves, Peters and Schmidhuber, "Parameter-exploring policy gradients" (2010,
https://doi.org/10.1016/j.neunet.2009.12.004), in the form of estool, which the sample took over: Ha, "Evolving
stable strategies" (2017, https://blog.otoro.net/2017/11/12/evolving-stable-strategies/). In it the penalty on
large parameters comes off the ranks, not off the fitness, and Adam's β₁ is 0.99. Where pairs share the seeds of
their episodes, as in the sample, set ``episode_seeds: pair``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from services.master.strategies.ascent import AscentOptions
from services.master.strategies.base import Problem, State
from services.master.strategies.fitness_shaping import ShapingOptions
from services.master.strategies.gaussian import MirroredGaussian
from services.master.strategies.mirrored import PairShaping
from services.master.strategies.optimizers import AdamSpec, AnyOptimizerSpec, ClipUpSpec, SGDSpec
from services.master.strategies.schedules import Decay, decayed

Vector = NDArray[np.float64]


class PEPGSpec(ShapingOptions):
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
        default=0.01, description="The optimizer's step size for the mean, at the start."
    )
    learning_rate_decay: Decay = Field(
        default=0.9999,
        description="Multiplies the learning rate after each generation, while above its limit.",
    )
    learning_rate_limit: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.01, description="A learning rate at or below this decays no more."
    )
    optimizer: Literal["adam", "clipup", "sgd"] = Field(
        default="adam",
        description="How the mean follows its gradient; ClipUp's speed limit is twice the learning rate.",
    )
    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.99, description="Adam's β₁, which in its own paper is 0.9; the other optimizers have none."
    )
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.01,
        description="Times the mean square of a member's parameters, subtracted from its shaped fitness.",
    )

    def ascent(self) -> AscentOptions:
        """Return the optimizer, with the learning rate as its step size."""
        rate = self.learning_rate
        optimizers: dict[str, AnyOptimizerSpec] = {
            "adam": AdamSpec(step_size=rate, beta1=self.adam_beta1),
            "clipup": ClipUpSpec(step_size=rate, max_speed=2 * rate),
            "sgd": SGDSpec(step_size=rate),
        }
        return AscentOptions(name=self.name, optimizer=optimizers[self.optimizer])


class PEPG(MirroredGaussian):
    """Parameter-exploring policy gradients: Adam climbs the mean's gradient, σ follows its own and decays."""

    Spec = PEPGSpec
    hyperparameters: PEPGSpec
    paper = "https://doi.org/10.1016/j.neunet.2009.12.004"
    suits = (
        "Runs to compare with estool and the 2019 sample: it learns σ as PGPE does, with Adam and decay schedules."
    )

    def __init__(self, hyperparameters: PEPGSpec, problem: Problem) -> None:
        chosen = hyperparameters
        shaping = PairShaping(chosen.weight_decay, chosen.fitness_shaping, chosen.elites, penalty_last=True)
        super().__init__(hyperparameters, problem, chosen.sigma_init, shaping, chosen.ascent())
        self._learning_rate = chosen.learning_rate

    def summary(self) -> dict[str, float]:
        """Return the spread of the step sizes and the learning rate."""
        return super().summary() | {"learning_rate": self._learning_rate}

    def _learn(self, shaped: Vector, mean_gradient: Vector, sigma_gradient: Vector) -> None:
        # Σ (r⁺ − r⁻) ε, not its mean: the scale matters only beside Adam's epsilon, and this is estool's.
        self._mean = self._ascent.step(self._mean, len(shaped) * mean_gradient, self._learning_rate)
        # Δσ = Σ (r − b) (ε² − σ²)/σ / (2 · pairs · std(r)), without std(r) for ranks, which have no scale to take
        # out; equal rewards make the sum 0 already.
        ranked = self.hyperparameters.fitness_shaping == "centred_ranks"
        delta = sigma_gradient / (2 * (1.0 if ranked else float(shaped.std()) or 1.0))
        self._sigma = self._sigma + self._limited(
            self.hyperparameters.sigma_learning_rate * delta, self.hyperparameters.sigma_max_change
        )
        self._decay()

    def _decay(self) -> None:
        chosen = self.hyperparameters
        self._sigma = decayed(self._sigma, chosen.sigma_decay, chosen.sigma_limit)
        self._learning_rate = decayed(self._learning_rate, chosen.learning_rate_decay, chosen.learning_rate_limit)

    def _state(self) -> State:
        return super()._state() | {"learning_rate": np.array(self._learning_rate)}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(state)
        self._learning_rate = float(state["learning_rate"].item())

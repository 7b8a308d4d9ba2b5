"""PEPG as the 2019 sample and estool configure it: mirrored sampling, ranks, Adam, decaying σ.

Sehnke, Osendorfer, Rückstieß, Graves, Peters and Schmidhuber, "Parameter-exploring policy gradients" (2010,
https://doi.org/10.1016/j.neunet.2009.12.004), in the form of estool, which the sample took over: Ha, "Evolving
stable strategies" (2017, https://blog.otoro.net/2017/11/12/evolving-stable-strategies/). Members are μ ± ε
with ε = σ z. With r the members' ranks less the penalty on large parameters, b their mean, and n pairs::

    ∇μ = Σ (r⁺ − r⁻) ε                                                       (1)
    ∇σ = Σ ((r⁺ + r⁻)/2 − b) (ε² − σ²)/σ / (2 n std(r))                      (2)
    μ ← μ + Adam(∇μ)                                                         (3)
    σ ← σ + clip(η_σ ∇σ, ± max_change · σ)                                   (4)
    σ and the learning rate decay                                            (5)

Adam's β₁ is 0.99. std(r) is left out for ranks, which have no scale to take out. estool's own ``elite_ratio`` is
another algorithm: the mean moves to the average of the best members. Where pairs share the seeds of their
episodes, as in the sample, set ``episode_seeds: pair``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.ascent import Ascent, AscentOptions
from seedcast.services.master.strategies.base import Fields, Parameters, Population, Problem, State
from seedcast.services.master.strategies.fitness_shaping import ShapingOptions, l2_penalty
from seedcast.services.master.strategies.gaussian_search import GaussianSearch
from seedcast.services.master.strategies.optimizers import AdamSpec, AnyOptimizerSpec, ClipUpSpec, SGDSpec
from seedcast.services.master.strategies.pairs import limited, pair_gradients, spread, weigh_pairs
from seedcast.services.master.strategies.schedules import Decay, decayed

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


class PEPG(GaussianSearch):
    """Parameter-exploring policy gradients: Adam climbs the mean's gradient, σ follows its own and decays."""

    Spec = PEPGSpec
    hyperparameters: PEPGSpec
    mirrored = True
    begun_by: ClassVar[Mapping[str, Fields]] = {"sigma": ("sigma_init",), "learning_rate": ("learning_rate",)}
    paper = "https://doi.org/10.1016/j.neunet.2009.12.004"
    suits = (
        "Runs to compare with estool and the 2019 sample: it learns σ as PGPE does, with Adam and decay schedules."
    )

    def __init__(self, hyperparameters: PEPGSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        self._sigma: Vector = np.full(problem.dimension, hyperparameters.sigma_init)
        self._ascent = Ascent(hyperparameters.ascent(), problem.dimension)
        self._learning_rate = hyperparameters.learning_rate

    def summary(self) -> dict[str, float]:
        """Return the spread of the step sizes and the learning rate."""
        return spread(self._sigma) | {"learning_rate": self._learning_rate}

    def _ask(self) -> Population:
        return self._sample(self._sigma)

    def _tell(self, fitness: Vector) -> None:
        chosen, population = self.hyperparameters, self._take_population()
        penalty = l2_penalty(population, chosen.weight_decay)
        weights = weigh_pairs(fitness, chosen.top_pairs(population.draws), chosen.shape, penalty)
        of_mean, of_sigma = pair_gradients(population, weights, self._sigma)
        # Their sum and not their mean: the scale matters only beside Adam's epsilon, and this is estool's.
        of_mean = 2 * weights.pairs * of_mean  # (1)
        ranked = chosen.fitness_shaping == "centred_ranks"
        of_sigma = of_sigma / (2 * (1.0 if ranked else float(weights.shaped.std()) or 1.0))  # (2)
        self._mean = self._ascent.step(self._mean, of_mean, self._learning_rate)  # (3)
        learnt = limited(chosen.sigma_learning_rate * of_sigma, self._sigma, chosen.sigma_max_change)
        self._sigma = decayed(self._sigma + learnt, chosen.sigma_decay, chosen.sigma_limit)  # (4), (5)
        self._learning_rate = decayed(self._learning_rate, chosen.learning_rate_decay, chosen.learning_rate_limit)

    def _recentre(self, mean: Parameters) -> None:
        super()._recentre(mean)
        self._ascent.rest()

    def _state(self) -> State:
        own = {"sigma": self._sigma, "learning_rate": np.array(self._learning_rate)}
        return super()._state() | own | self._ascent.state()

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(state)
        self._sigma = state["sigma"].copy()
        self._learning_rate = float(state["learning_rate"].item())
        self._ascent.restore(state)

"""PGPE with mirrored sampling, as configured for ClipUp.

Sehnke, Osendorfer, Rückstieß, Graves, Peters and Schmidhuber, "Parameter-exploring policy gradients" (2010,
https://doi.org/10.1016/j.neunet.2009.12.004), in the form of Toklu, Liskowski and Srivastava, "ClipUp: a
simple and powerful optimizer for distribution-based policy evolution" (2020,
https://arxiv.org/abs/2008.02387), which EvoTorch follows too. Members are μ ± ε with ε = σ z; with w
and v the weights of n pairs, as in `pairs`::

    ∇μ = Σ w ε / n                                                           (1)
    ∇σ = Σ v (ε² − σ²)/σ / n                                                 (2)
    μ ← μ + ClipUp(∇μ)                                                       (3)
    σ ← σ + clip(η_σ ∇σ, ± max_change · σ)                                   (4)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from seedcast.services.master.strategies.ascent import Ascent, AscentOptions
from seedcast.services.master.strategies.base import Fields, Parameters, Population, Problem, State
from seedcast.services.master.strategies.fitness_shaping import PenaltyOptions, ShapingOptions, subtract_l2_penalty
from seedcast.services.master.strategies.gaussian_search import GaussianSearch
from seedcast.services.master.strategies.pairs import limited, pair_gradients, spread, weigh_pairs
from seedcast.services.master.strategies.schedules import AnySchedule, change

Vector = NDArray[np.float64]
DEFAULT_RADIUS = 4.5


class PGPESpec(AscentOptions, ShapingOptions, PenaltyOptions):
    """Hyperparameters of PGPE; the defaults are known to learn BipedalWalker."""

    name: Literal["pgpe"] = "pgpe"
    radius: Annotated[float, Field(gt=0, le=10_000)] | None = Field(
        default=None,
        description="About the length of a perturbation: σ starts at radius/√dimension. "
        "4.5 unless sigma_init is given.",
    )
    sigma_init: Annotated[float, Field(gt=0, le=100)] | None = Field(
        default=None, description="The σ of every parameter at the start, instead of radius."
    )
    sigma_learning_rate: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.1, description="Multiplies the gradient of σ; 0 keeps σ constant."
    )
    sigma_max_change: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.2, description="The greatest change of σ in one generation, relative to σ."
    )
    sigma_schedule: AnySchedule = Field(
        default=None,
        description="How σ falls apart from what is learnt, which it multiplies by its changes.",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_radius(cls, values: Any) -> Any:  # noqa: ANN401 - not validated yet
        if isinstance(values, dict) and values.get("radius") is None and values.get("sigma_init") is None:
            return values | {"radius": DEFAULT_RADIUS}
        return values

    @model_validator(mode="after")
    def _one_initial_sigma(self) -> Self:
        if self.radius is not None and self.sigma_init is not None:
            raise ValueError(f"give radius or sigma_init, not both (got {self.radius} and {self.sigma_init})")
        return self

    def initial_sigma(self, dimension: int) -> float:
        """Return the σ that every parameter starts with."""
        if self.sigma_init is not None:
            return self.sigma_init
        return float((self.radius or DEFAULT_RADIUS) / np.sqrt(dimension))


class PGPE(GaussianSearch):
    """Policy gradients with parameter-based exploration."""

    Spec = PGPESpec
    hyperparameters: PGPESpec
    mirrored = True
    begun_by: ClassVar[Mapping[str, Fields]] = {"sigma": ("radius", "sigma_init")}
    paper = "https://arxiv.org/abs/2008.02387"
    suits = (
        "Policies of any size, up to millions of parameters: the first to try; ClipUp makes its steps predictable."
    )

    def __init__(self, hyperparameters: PGPESpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        self._sigma: Vector = np.full(problem.dimension, hyperparameters.initial_sigma(problem.dimension))
        self._ascent = Ascent(hyperparameters, problem.dimension)

    def summary(self) -> dict[str, float]:
        """Return the spread of the step sizes and the learning rate."""
        return spread(self._sigma) | {"learning_rate": self._ascent.step_size(self.clock)}

    def _ask(self) -> Population:
        return self._sample(self._sigma)

    def _tell(self, fitness: Vector) -> None:
        chosen, population = self.hyperparameters, self._take_population()
        penalised = subtract_l2_penalty(fitness, population, chosen.l2_penalty)
        weights = weigh_pairs(penalised, chosen.top_pairs(population.draws), chosen.shape)
        of_mean, of_sigma = pair_gradients(population, weights, self._sigma)  # (1), (2)
        self._mean = self._ascent.step(self._mean, of_mean, self._ascent.step_size(self.clock))  # (3)
        learnt = limited(chosen.sigma_learning_rate * of_sigma, self._sigma, chosen.sigma_max_change)
        self._sigma = (self._sigma + learnt) * change(chosen.sigma_schedule, self.clock, self.end)  # (4)

    def _recentre(self, mean: Parameters) -> None:
        super()._recentre(mean)
        self._ascent.rest()

    def _state(self) -> State:
        return super()._state() | {"sigma": self._sigma} | self._ascent.state()

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(state)
        self._sigma = state["sigma"].copy()
        self._ascent.restore(state)

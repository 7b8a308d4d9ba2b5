"""PGPE with mirrored sampling, as configured for ClipUp.

Sehnke, Osendorfer, Rückstieß, Graves, Peters and Schmidhuber, "Parameter-exploring policy gradients" (2010,
https://doi.org/10.1016/j.neunet.2009.12.004), in the form of Toklu, Liskowski and Srivastava, "ClipUp: a
simple and powerful optimizer for distribution-based policy evolution" (2020,
https://arxiv.org/abs/2008.02387), which EvoTorch follows too.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from services.master.strategies.ascent import AscentOptions
from services.master.strategies.base import Problem
from services.master.strategies.fitness_shaping import PenaltyOptions, ShapingOptions
from services.master.strategies.gaussian import MirroredGaussian
from services.master.strategies.mirrored import PairShaping
from services.master.strategies.schedules import AnySchedule, change

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


class PGPE(MirroredGaussian):
    """Policy gradients with parameter-based exploration: climb both gradients of `gaussian`."""

    Spec = PGPESpec
    hyperparameters: PGPESpec
    paper = "https://arxiv.org/abs/2008.02387"
    suits = (
        "Policies of any size, up to millions of parameters: the first to try; ClipUp makes its steps predictable."
    )

    def __init__(self, hyperparameters: PGPESpec, problem: Problem) -> None:
        sigma = hyperparameters.initial_sigma(problem.dimension)
        chosen = hyperparameters
        shaping = PairShaping(chosen.l2_penalty, chosen.fitness_shaping, chosen.elites)
        super().__init__(hyperparameters, problem, sigma, shaping, hyperparameters)

    def summary(self) -> dict[str, float]:
        """Return the spread of the step sizes and the learning rate."""
        return super().summary() | {"learning_rate": self._ascent.step_size(self.generation)}

    def _learn(self, shaped: Vector, mean_gradient: Vector, sigma_gradient: Vector) -> None:  # noqa: ARG002
        chosen = self.hyperparameters
        self._mean = self._ascent.step(self._mean, mean_gradient, self._ascent.step_size(self.generation))
        learnt = self._limited(chosen.sigma_learning_rate * sigma_gradient, chosen.sigma_max_change)
        self._sigma = (self._sigma + learnt) * change(chosen.sigma_schedule, self.generation)

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

from services.master.strategies.base import Problem
from services.master.strategies.fitness_shaping import FitnessShaping
from services.master.strategies.gaussian import MirroredGaussian
from services.master.strategies.optimizers import AnyOptimizerSpec, ClipUpSpec, build_optimizer
from shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]
DEFAULT_RADIUS = 4.5


class PGPESpec(StrategySpec):
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
    optimizer: AnyOptimizerSpec = Field(default=ClipUpSpec(), description="How the mean follows its gradient.")
    fitness_shaping: FitnessShaping = Field(
        default="centred_ranks", description="How fitness becomes the weights of the update."
    )
    l2_penalty: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.0,
        description="Times the mean square of a member's parameters, subtracted from its fitness.",
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

    def __init__(self, hyperparameters: PGPESpec, problem: Problem) -> None:
        sigma = hyperparameters.initial_sigma(problem.dimension)
        optimizer = build_optimizer(hyperparameters.optimizer, problem.dimension)
        super().__init__(hyperparameters, problem, sigma, optimizer)

    def _shape(self, fitness: Vector) -> Vector:
        return self._penalise_and_shape(
            fitness, self.hyperparameters.l2_penalty, self.hyperparameters.fitness_shaping
        )

    def _learn(self, shaped: Vector, mean_gradient: Vector, sigma_gradient: Vector) -> None:  # noqa: ARG002
        chosen = self.hyperparameters
        self._mean = self._mean + self._optimizer.ascend(mean_gradient, chosen.optimizer.step_size)
        change = chosen.sigma_learning_rate * sigma_gradient
        self._sigma = self._sigma + self._limited(change, chosen.sigma_max_change)

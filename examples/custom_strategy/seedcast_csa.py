"""CSA-ES: the weighted mean of the better half, and one step size that follows the path taken.

Ostermeier, Gawelczyk and Hansen, "Step-size adaptation based on non-local use of selection information" (1994,
https://doi.org/10.1007/3-540-58484-6_263), with the weights and constants of CMA-ES, whose covariance stays the
identity here: Hansen, "The CMA evolution strategy: a tutorial" (2016, https://arxiv.org/abs/1604.00772), whose
equation numbers these are. For d parameters, and with z the μ best members' draws, the best first::

    w_i ∝ ln((λ + 1)/2) − ln i,   Σ w = 1,   μ_w = 1/Σ w²                                    (49, 8)
    c = (μ_w + 2)/(d + μ_w + 5),   D = 1 + c + 2 max(0, √((μ_w − 1)/(d + 1)) − 1)            (55)
    m ← m + σ Σ w z                                                                          (42)
    p ← (1 − c) p + √(c (2 − c) μ_w) Σ w z                                                   (43)
    σ ← σ exp(c/D (|p| / E|z| − 1))                                                          (44)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.base import Parameters, Problem, State, Strategy
from seedcast.services.master.strategies.population import Population
from seedcast.services.master.strategies.sampling import GaussianPopulation, sampling_bytes
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]


class CSAESSpec(StrategySpec):
    """Hyperparameters of CSA-ES; the rest follows from the dimension and the population."""

    name: Literal["csa_es"] = "csa_es"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.1, description="The standard deviation of every parameter at the start."
    )


class CSAES(Strategy):
    """Cumulative step-size adaptation with weighted recombination."""

    Spec = CSAESSpec
    hyperparameters: CSAESSpec
    resizable = True  # every constant is computed from the population at hand
    begun_by: ClassVar[Mapping[str, tuple[str, ...]]] = {"sigma": ("sigma_init",)}
    paper = "https://doi.org/10.1007/3-540-58484-6_263"
    suits = "Parameters of about the same scale, any number of them: it has one step size, and nothing to tune."

    def __init__(self, hyperparameters: CSAESSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        self._mean: Vector = problem.initial_mean.astype(np.float64)
        self._path: Vector = np.zeros(problem.dimension)
        self._sigma = hyperparameters.sigma_init

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:  # noqa: ARG003
        """Return the size of the noise held at once, and of mean, path and their temporaries in float64."""
        return sampling_bytes(dimension, population_size) + 8 * 8 * dimension

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return self._mean.astype(np.float32)

    def summary(self) -> dict[str, float]:
        """Return the step size."""
        return {"sigma": self._sigma}

    def _ask(self) -> Population:
        self._population = GaussianPopulation(  # a description: members are made where they are needed
            self.mean,
            np.full(1, self._sigma, np.float32),
            seed=self.problem.seed,
            generation=self.generation,
            population_size=self.population_size,
            mirrored=False,
        )
        return self._population

    def _tell(self, fitness: Vector) -> None:
        dimension, weights = self.problem.dimension, recombination_weights(fitness)
        mu_w = 1 / float(np.square(weights).sum())  # (8)
        rate = (mu_w + 2) / (dimension + mu_w + 5)  # (55)
        damping = 1 + rate + 2 * max(0.0, math.sqrt((mu_w - 1) / (dimension + 1)) - 1)
        step, _ = self._population.weighted_sums(weights)
        self._mean = self._mean + self._sigma * step  # (42)
        self._path = (1 - rate) * self._path + math.sqrt(rate * (2 - rate) * mu_w) * step  # (43)
        # Not np.linalg.norm: it calls BLAS, whose bits depend on its number of threads.
        length = math.sqrt(float(np.square(self._path).sum())) / expected_length(dimension)
        self._sigma = min(max(self._sigma * math.exp(rate / damping * (length - 1)), 1e-12), 1e6)  # (44)

    def _state(self) -> State:
        return {"mean": self._mean, "path": self._path, "sigma": np.array(self._sigma)}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._mean, self._path = state["mean"].copy(), state["path"].copy()
        self._sigma = float(state["sigma"].item())

    def _recentre(self, mean: Parameters) -> None:
        self._mean, self._path = mean.astype(np.float64), np.zeros(len(mean))


def recombination_weights(fitness: Vector) -> Vector:
    """Return the weight ``(members,)`` of each member by its rank (49); the worse half has 0.

    Of equals the lower index is better, so that the result does not depend on how numpy sorts.
    """
    members = len(fitness)
    weights = np.maximum(0, math.log((members + 1) / 2) - np.log(np.arange(1, members + 1)))
    by_member = np.empty(members)
    by_member[np.argsort(-fitness, kind="stable")] = weights / weights.sum()
    return by_member


def expected_length(dimension: int) -> float:
    """Return E|z| of a standard normal z, by the tutorial's approximation."""
    return math.sqrt(dimension) * (1 - 1 / (4 * dimension) + 1 / (21 * dimension**2))

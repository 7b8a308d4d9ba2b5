"""xNES: natural evolution strategies that learn the whole covariance, through its matrix exponential.

Glasmachers, Schaul, Sun, Wierstra and Schmidhuber, "Exponential natural evolution strategies" (2010,
https://doi.org/10.1145/1830483.1830557), with the utilities and learning rates of Wierstra, Schaul, Glasmachers,
Sun, Peters and Schmidhuber, "Natural evolution strategies" (JMLR 2014, https://jmlr.org/papers/v15/wierstra14a.html).
With s standard normal, u the members' utilities and d the dimension::

    x = μ + σ B s                                                              (1)
    ∇δ = Σ u s,   ∇M = Σ u (s sᵀ − I),   ∇σ = tr(∇M)/d,   ∇B = ∇M − ∇σ I       (2)
    μ ← μ + η_μ σ B ∇δ,   σ ← σ exp(η_σ/2 ∇σ),   B ← B exp(η_B/2 ∇B)           (3)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.base import Fields, Problem, State, Strategy
from seedcast.services.master.strategies.blas import use_one_blas_thread
from seedcast.services.master.strategies.fitness_shaping import PenaltyOptions, nes_utilities, subtract_l2_penalty
from seedcast.services.master.strategies.population import Parameters, Population
from seedcast.shared.seeding import noise
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LearningRate = Annotated[float, Field(gt=0, le=10)]

_MATRICES_AT_ONCE = 7
"""float64, ``(dimension, dimension)``: B, ∇M, its eigenvectors, LAPACK's workspace, the exponential, a product."""

_BYTES_PER_COORDINATE = 24
"""Of each member: s and B s or u s in float64, and the row that is evaluated in float32."""


class XNESSpec(PenaltyOptions):
    """Hyperparameters of xNES; the defaults are the papers'."""

    name: Literal["xnes"] = "xnes"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.1, description="The step size σ at the start."
    )
    mean_learning_rate: LearningRate = Field(default=1.0, description="η_μ, of the mean.")
    sigma_learning_rate: LearningRate | None = Field(
        default=None, description="η_σ, of the step size; (9 + 3 ln d) / (5 d √d) for d parameters unless given."
    )
    shape_learning_rate: LearningRate | None = Field(
        default=None, description="η_B, of the covariance's shape; (9 + 3 ln d) / (5 d √d) unless given."
    )


class XNES(Strategy):
    """Exponential natural evolution strategy."""

    Spec = XNESSpec
    hyperparameters: XNESSpec
    resizable = True
    begun_by: ClassVar[Mapping[str, Fields]] = {"sigma": ("sigma_init",)}
    paper = "https://jmlr.org/papers/v15/wierstra14a.html"
    suits = "Up to about a thousand parameters that depend on one another; most often CMA-ES is faster."
    memory_limit: ClassVar[int] = 4 * 2**30

    def __init__(self, hyperparameters: XNESSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        use_one_blas_thread()
        self._mean: Vector = problem.initial_mean.astype(np.float64)
        self._sigma = hyperparameters.sigma_init
        self._shape: Matrix = np.eye(problem.dimension)  # B
        self._population = self._no_population()

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:  # noqa: ARG003
        """Return the size of the population and of the matrices."""
        return _BYTES_PER_COORDINATE * dimension * population_size + _MATRICES_AT_ONCE * 8 * dimension**2

    @classmethod
    def matrix_bytes(cls, spec: StrategySpec, dimension: int) -> int:  # noqa: ARG003
        """Return the size of the covariance's root."""
        return 8 * dimension**2

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return self._mean.astype(np.float32)

    def summary(self) -> dict[str, float]:
        """Return the step size and the spread of the parameters' standard deviations."""
        deviations = self._sigma * np.sqrt(np.square(self._shape).sum(axis=1))
        return {
            "sigma": self._sigma,
            "sigma_mean": float(deviations.mean()),
            "sigma_min": float(deviations.min()),
            "sigma_max": float(deviations.max()),
        }

    def _ask(self) -> Population:
        members = self._mean + self._sigma * (self._draws() @ self._shape.T)  # (1)
        self._population = Population(members.astype(np.float32))
        return self._population

    def _draws(self) -> Matrix:
        """Return s ``(population_size, dimension)``."""
        draws = np.empty((self.population_size, self.problem.dimension))
        for member, row in enumerate(draws):
            row[:] = noise(self.problem.seed, self.generation, member, len(row))
        return draws

    def _tell(self, fitness: Vector) -> None:
        penalised = subtract_l2_penalty(fitness, self._population, self.hyperparameters.l2_penalty)
        self._population = self._no_population()
        self._learn(self._draws(), nes_utilities(penalised))

    def _learn(self, draws: Matrix, utilities: Vector) -> None:
        dimension, chosen = self.problem.dimension, self.hyperparameters
        rate = (9 + 3 * np.log(dimension)) / (5 * dimension * np.sqrt(dimension))
        along = utilities @ draws  # ∇δ (2)
        gradient = (draws.T * utilities) @ draws  # ∇M (2)
        diagonal = np.einsum("ii->i", gradient)
        diagonal -= utilities.sum()
        growth = float(diagonal.mean())  # ∇σ (2)
        diagonal -= growth  # ∇B (2)
        self._mean = self._mean + chosen.mean_learning_rate * self._sigma * (self._shape @ along)  # (3)
        self._sigma *= float(np.exp((chosen.sigma_learning_rate or rate) / 2 * growth))
        gradient *= (chosen.shape_learning_rate or rate) / 2
        self._shape = self._shape @ _exponential(gradient)

    def _recentre(self, mean: Parameters) -> None:
        self._mean = mean.astype(np.float64)

    def _no_population(self) -> Population:
        return Population(np.empty((0, self.problem.dimension), np.float32))

    def _state(self) -> State:
        return {"mean": self._mean, "sigma": np.array(self._sigma), "shape": self._shape}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._mean, self._shape = state["mean"].copy(), state["shape"].copy()
        self._sigma = float(state["sigma"].item())
        self._population = self._no_population()


def _exponential(symmetric: Matrix) -> Matrix:
    """Return the exponential of a symmetric matrix: that of its eigenvalues."""
    values, vectors = np.linalg.eigh(symmetric)
    return np.asarray((vectors * np.exp(values)) @ vectors.T)

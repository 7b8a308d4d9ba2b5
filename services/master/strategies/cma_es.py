"""CMA-ES with active update: covariance matrix adaptation, of the whole matrix or of its diagonal.

Hansen, "The CMA evolution strategy: a tutorial" (2016, https://arxiv.org/abs/1604.00772), whose equation numbers
these are. With s the coordinates' scales, w⁺ the positive weights, ⟨·⟩ a sum over members, and n the dimension::

    x = m + σ s y,   y = B D z,   z standard normal                                        (38-40)
    m ← m + σ s ⟨w⁺ y⟩                                                                     (41, 42)
    p_σ ← (1 − c_σ) p_σ + √(c_σ (2 − c_σ) μ_eff) C^(-1/2) ⟨w⁺ y⟩                           (43)
    σ ← σ exp(c_σ/d_σ (‖p_σ‖/E‖N(0, I)‖ − 1))                                              (44)
    p_c ← (1 − c_c) p_c + h √(c_c (2 − c_c) μ_eff) ⟨w⁺ y⟩                                  (45)
    w° = w, but for w < 0: w n / ‖C^(-1/2) y‖²                                             (46)
    C ← (1 + c_1 (1 − h) c_c (2 − c_c) − c_1 − c_μ Σ w) C + c_1 p_c p_cᵀ + c_μ ⟨w° y yᵀ⟩    (47)

With ``covariance: diagonal`` C is I, and the scales are learnt instead. The idea is that of Ros and Hansen, "A
simple modification in CMA-ES achieving linear time and space complexity" (2008,
https://doi.org/10.1007/978-3-540-87700-4_30); the form, which keeps them positive whatever w, is pycma's::

    s² ← s² exp(ln 2 · (c_1 (p_c² − 1) + c_μ ⟨w (y² − 1)⟩))                                (48)

`cma_constants` has c, d, w and μ_eff, `full_covariance` C = B D² Bᵀ. Given the same draws, a run is pycma's to
rounding. Fitness is credited to the float32 rows that were evaluated. For ``covariance: vkd`` see `cma_vkd`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from seedcast.services.master.strategies.base import (
    DISTRIBUTION,
    Fields,
    Parameters,
    Population,
    Problem,
    State,
    Strategy,
)
from seedcast.services.master.strategies.blas import use_one_blas_thread
from seedcast.services.master.strategies.cma_constants import Constants
from seedcast.services.master.strategies.fitness_shaping import PenaltyOptions, by_rank, subtract_l2_penalty
from seedcast.services.master.strategies.full_covariance import FullCovariance
from seedcast.shared.seeding import noise
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Covariance = Literal["full", "diagonal", "vkd"]

MAX_VECTORS = 100
"""Of vkd, where the specification does not say."""

SMALLEST_POPULATION = 4
"""Of three, only the best counts, and pycma's vkd stops at weights that are all 0."""

CONVERGED = 16
"""A population no wider than so many float32 steps, in every parameter, has nothing left to be told apart."""

_UNLIKE = 1e8
"""Coordinates whose variances in C differ by more are scaled apart, so that C stays well conditioned."""

_MATRICES_AT_ONCE = 8
"""float64, ``(dimension, dimension)``: C, B, a product, and their copies and LAPACK's workspace in decomposing."""

_VECTORS_AT_ONCE = 4
"""float64, ``(dimension, vectors + population_size / 2 + 1)``: vkd's V, U, and what pycma makes of them."""

_BYTES_PER_COORDINATE, _BYTES_PER_COORDINATE_OF_PYCMA = 40, 68
"""Of each member: the float32 row that is evaluated, and what is made of it in float64."""

_BYTES_PER_PARAMETER = 8 * 16
"""The mean, the paths, the scales, and what is as long as they are."""


class CMAESSpec(PenaltyOptions):
    """Hyperparameters of CMA-ES; the rest follows from the dimension and the population size."""

    name: Literal["cma_es"] = "cma_es"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.1, description="The standard deviation of every parameter at the start."
    )
    covariance: Covariance = Field(
        default="full",
        description="What is learnt of the covariance: all of it; its diagonal, in time and memory that grow with "
        "the dimension, not with its cube and square; or, by vkd, a diagonal and a few vectors.",
    )
    max_vectors: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        default=None,
        description=f"Of vkd: at most so many vectors, {MAX_VECTORS} unless given. Memory holds them; pycma's own "
        "limit is one less than the dimension.",
    )

    @model_validator(mode="after")
    def _vectors_are_of_vkd(self) -> Self:
        if self.max_vectors is not None and self.covariance != "vkd":
            raise ValueError(f"max_vectors is an option of vkd, not of the {self.covariance} covariance")
        return self

    def vectors(self, dimension: int) -> int:
        """Return the most vectors that vkd may learn."""
        wanted = MAX_VECTORS if self.max_vectors is None else self.max_vectors
        return min(wanted, dimension - 1)


class CMAES(Strategy):
    """Covariance matrix adaptation."""

    Spec = CMAESSpec
    hyperparameters: CMAESSpec
    begun_by: ClassVar[Mapping[str, Fields]] = {DISTRIBUTION: ("sigma_init",)}  # σ alone says little beside C
    paper = "https://arxiv.org/abs/1604.00772"
    suits = (
        "Up to a few thousand parameters that depend on one another: it needs the fewest evaluations, and little "
        "tuning; with a diagonal or vkd covariance for many more."
    )
    lighter: ClassVar[Mapping[str, tuple[Any, ...]]] = {"covariance": ("diagonal", "vkd")}
    memory_limit: ClassVar[int] = 4 * 2**30

    def __new__(cls, hyperparameters: CMAESSpec, problem: Problem) -> CMAES:  # noqa: ARG004
        """Make one of the kind that the covariance asks for."""
        if hyperparameters.covariance != "vkd":
            return super().__new__(cls)
        from seedcast.services.master.strategies.cma_vkd import VkDCMAES  # derives from this class

        return super().__new__(VkDCMAES)

    def __init__(self, hyperparameters: CMAESSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        use_one_blas_thread()
        n, diagonal = problem.dimension, hyperparameters.covariance == "diagonal"
        self._constants = Constants.of(n, problem.population_size, diagonal=diagonal)
        lag = 1 / (10 * n * (self._constants.c_1 + self._constants.c_mu))
        self._covariance = None if diagonal else FullCovariance(n, lag)  # C
        self._mean: Vector = problem.initial_mean.astype(np.float64)  # m
        self._sigma = hyperparameters.sigma_init
        self._scales: Vector = np.ones(n)  # s
        self._sigma_path, self._covariance_path = np.zeros((2, n))  # p_σ, p_c
        self._updates = 0
        self._population: Population | None = None

    @classmethod
    def refuse_population_size(cls, population_size: int) -> str | None:
        """Say why the population size does not suit the strategy, or nothing."""
        if population_size < SMALLEST_POPULATION:
            return f"CMA-ES needs a population of at least {SMALLEST_POPULATION}"
        return None

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:
        """Return the size of the population and of the matrices that the form of the covariance needs."""
        chosen = spec if isinstance(spec, CMAESSpec) else CMAESSpec()
        of_member, columns = _BYTES_PER_COORDINATE, 0
        if chosen.covariance == "full":
            columns = _MATRICES_AT_ONCE * dimension
        elif chosen.covariance == "vkd":
            of_member = _BYTES_PER_COORDINATE_OF_PYCMA
            columns = _VECTORS_AT_ONCE * (chosen.vectors(dimension) + population_size // 2 + 1)
        return dimension * (of_member * population_size + 8 * columns + _BYTES_PER_PARAMETER)

    @classmethod
    def matrix_bytes(cls, spec: StrategySpec, dimension: int) -> int:
        """Return the size of the full covariance; the other forms have none."""
        chosen = spec if isinstance(spec, CMAESSpec) else CMAESSpec()
        return 8 * dimension**2 if chosen.covariance == "full" else 0

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return self._mean.astype(np.float32)

    def summary(self) -> dict[str, float]:
        """Return the global step size, and the spread of the parameters' deviations."""
        deviations = self._sigma * self._scales
        if self._covariance is not None:
            deviations = deviations * np.sqrt(self._covariance.variances)
        return {
            "sigma": self._sigma,
            "sigma_mean": float(deviations.mean()),
            "sigma_min": float(deviations.min()),
            "sigma_max": float(deviations.max()),
        }

    def _ask(self) -> Population:
        y = self._draws()  # (38)
        if self._covariance is not None:
            self._scale_apart(self._covariance)
            self._covariance.refresh(self._updates)
            y = self._covariance.transform(y)  # (39)
        self._population = Population((self._mean + self._sigma * self._scales * y).astype(np.float32))  # (40)
        return self._population

    def _draws(self) -> Matrix:
        """Return z ``(population_size, dimension)``."""
        draws = np.empty((self.population_size, self.problem.dimension))
        for member, row in enumerate(draws):
            row[:] = noise(self.problem.seed, self.generation, member, len(row))
        return draws

    def _scale_apart(self, covariance: FullCovariance) -> None:
        """Move the scale of coordinates out of C, where they have become unlike."""
        if covariance.variances.max() / covariance.variances.min() >= _UNLIKE:
            deviations = covariance.standardise(self._updates)
            self._scales = self._scales * deviations
            self._covariance_path = self._covariance_path / deviations

    def _tell(self, fitness: Vector) -> None:
        population = self._population or Population(np.empty((0, 0), np.float32))
        self._population = None
        penalised = subtract_l2_penalty(fitness, population, self.hyperparameters.l2_penalty)
        members = population.rows(0, len(population)).astype(np.float64)
        if (penalised == penalised[0]).all() or have_converged(members, self.mean):
            return  # of equal members, or of rounding, there is nothing to learn
        better = by_rank(penalised, np.maximum(self._constants.weights, 0))
        weights = by_rank(penalised, self._constants.weights)
        self._learn((members - self._mean) / (self._sigma * self._scales), better, weights)

    def _learn(self, y: Matrix, better: Vector, weights: Vector) -> None:
        """Update m, the paths, C or s, and σ, from the members' y, w⁺ and w."""
        c, n = self._constants, self.problem.dimension
        self._updates += 1
        step = better @ y  # (41)
        self._mean = self._mean + self._sigma * self._scales * step  # (42)
        shift = step / np.sqrt(np.square(better).sum())  # √μ_eff ⟨w⁺ y⟩; ties make μ_eff larger
        white = shift if self._covariance is None else self._covariance.whiten(shift)
        self._sigma_path = _followed(self._sigma_path, c.c_sigma, white)  # (43)
        length = float(np.sqrt(np.square(self._sigma_path).sum()))
        # While p_σ is long, p_c stalls: C need not learn of a slope that σ already follows. The limit is pycma's.
        expected = 1 - (1 - c.c_sigma) ** (2 * self._updates)
        h = float(length**2 / expected / n < 2 + 4 / (n + 1))
        self._covariance_path = _followed(self._covariance_path, c.c_c, h * shift)  # (45)
        lost = (1 - h) * c.c_1 * c.c_c * (2 - c.c_c)
        if self._covariance is None:
            of_path, of_members = np.square(self._covariance_path) - 1, weights @ np.square(y) - weights.sum()
            growth = (c.c_1 - lost) * of_path + c.c_mu * of_members
            self._scales = self._scales * np.exp(np.log(2) / 2 * growth)  # (48)
        else:
            decay = 1 + lost - c.c_1 - c.c_mu * float(weights.sum())
            self._covariance.update(decay, c.c_1, self._covariance_path, c.c_mu * weights, y)  # (46, 47)
        change = c.c_sigma / c.d_sigma * (length / c.expected_length - 1)
        self._sigma *= float(np.exp(np.clip(change, -1, 1)))  # (44)

    def _recentre(self, mean: Parameters) -> None:
        self._mean = mean.astype(np.float64)
        self._sigma_path, self._covariance_path = np.zeros((2, self.problem.dimension))

    def _state(self) -> State:
        own: State = {
            "mean": self._mean,
            "sigma": np.array(self._sigma),
            "scales": self._scales,
            "sigma_path": self._sigma_path,
            "covariance_path": self._covariance_path,
            "updates": np.array(self._updates),
        }
        return own | (self._covariance.state() if self._covariance is not None else {})

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._mean, self._scales, self._sigma_path, self._covariance_path = (
            state[name].copy() for name in ("mean", "scales", "sigma_path", "covariance_path")
        )
        self._sigma, self._updates = float(state["sigma"].item()), int(state["updates"].item())
        if self._covariance is not None:
            self._covariance.restore(state)
        self._population = None


def _followed(path: Vector, rate: float, shift: Vector) -> Vector:
    """Return a path that has followed a shift, and that keeps a standard normal one's variance."""
    return np.asarray((1 - rate) * path + np.sqrt(rate * (2 - rate)) * shift)


def have_converged(members: Matrix, mean: Parameters) -> bool:
    """Say whether the members ``(population_size, dimension)`` differ by little more than float32's steps."""
    return bool((np.ptp(members, axis=0) <= CONVERGED * np.spacing(np.abs(mean))).all())

"""CR-FM-NES: a natural evolution strategy in linear time and memory that follows ridges in high dimension.

Nomura and Ono, "Fast moving natural evolution strategy for high-dimensional problems" (2022,
https://arxiv.org/abs/2201.11422), with the constants of the authors' implementation
(https://github.com/nomuramasahir0/crfmnes). Members are drawn in mirrored pairs::

    x = m ± σ D y,   y = z + (√(1 + |v|²) − 1) (v̄·z) v̄,   z standard normal,   v̄ = v/|v|

so that their covariance is σ² D (I + v vᵀ) D, whose natural gradient is that of VD-CMA: Akimoto, Auger and
Hansen, "Comparison-based natural gradient optimization in high dimension" (2014,
https://doi.org/10.1145/2576768.2598258).

Everything here is linear in y, in y² or in (v̄·y) y, so that the update is computed from weighted sums over the
pairs, whose noise is drawn again where it is too large to be kept: memory does not grow with the population. Sums
run in the pairs' order and without BLAS, so that their bits do not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.base import DISTRIBUTION, Fields, Problem, State, Strategy
from seedcast.services.master.strategies.fitness_shaping import (
    PenaltyOptions,
    by_rank,
    log_rank_weights,
    subtract_l2_penalty,
)
from seedcast.services.master.strategies.population import Parameters, Population
from seedcast.services.master.strategies.ridge import RidgePopulation, Sums, dot, length
from seedcast.services.master.strategies.sampling import GaussianPopulation, sampling_bytes
from seedcast.shared.seeding import Purpose, generator
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]

_VECTORS = 26
"""float64 vectors at once: the state, its copy in a checkpoint, and those of an update."""

_LARGEST_CHANGE, _LARGEST_GROWTH = 0.7, 2.0
"""Of v and D in one update, relative to them. The first is VD-CMA's limit. It is applied only where an element of
D would shrink by more than it, or grow by more than the second, which a sound run does not: the authors'
implementation ends in NaN there, on a rotated cigar of 20 dimensions as with a population of many times the
dimension."""

_LONGEST = 1e6
"""Of v, for a condition of 10¹². On a slope without end it grows until 1 + |v|² and |v|² are the same number."""


class CRFMNESSpec(PenaltyOptions):
    """Hyperparameters of CR-FM-NES; the rest follows from the dimension and the population size."""

    name: Literal["cr_fm_nes"] = "cr_fm_nes"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.1, description="The step size σ at the start."
    )


class CRFMNES(Strategy):
    """Cost-reduction fast moving natural evolution strategy."""

    Spec = CRFMNESSpec
    hyperparameters: CRFMNESSpec
    mirrored = True
    begun_by: ClassVar[Mapping[str, Fields]] = {DISTRIBUTION: ("sigma_init",)}
    paper = "https://arxiv.org/abs/2201.11422"
    suits = (
        "Thousands to millions of parameters and few evaluations: it learns every parameter's scale and one "
        "direction in linear time, and needs no tuning but of sigma_init."
    )

    def __init__(self, hyperparameters: CRFMNESSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        dimension = problem.dimension
        self._mean: Vector = problem.initial_mean.astype(np.float64)
        self._sigma = hyperparameters.sigma_init
        self._scale: Vector = np.ones(dimension)  # D
        first = generator(problem.seed, Purpose.STRATEGY).standard_normal(dimension, np.float32)
        self._direction: Vector = first / np.sqrt(dimension)  # v
        self._direction_path: Vector = np.zeros(dimension)  # p_c
        self._sigma_path: Vector = np.zeros(dimension)  # p_σ
        self._population: RidgePopulation | None = None

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:  # noqa: ARG003
        """Return the size of the noise that is kept and of what is as long as the mean."""
        return sampling_bytes(dimension, population_size // 2) + 8 * (_VECTORS * dimension + 8 * population_size)

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return self._mean.astype(np.float32)

    def summary(self) -> dict[str, float]:
        """Return the step size, the spread of the parameters' deviations and the length of v."""
        deviations = self._sigma * self._scale * np.sqrt(1 + self._direction**2)
        return {
            "sigma": self._sigma,
            "sigma_mean": float(deviations.mean()),
            "sigma_min": float(deviations.min()),
            "sigma_max": float(deviations.max()),
            "direction": length(self._direction),
        }

    def _ask(self) -> Population:
        self._population = self._members()
        return self._population

    def _members(self) -> RidgePopulation:
        seed, generation, size = self.problem.seed, self.generation, self.population_size
        nothing = np.zeros(self.problem.dimension, np.float32)
        pairs = GaussianPopulation(
            nothing, nothing, seed=seed, generation=generation, population_size=size, mirrored=True
        )
        return RidgePopulation(self._mean, self._sigma * self._scale, self._direction, pairs)

    def _tell(self, fitness: Vector) -> None:
        members, self._population = self._population or self._members(), None
        constants = Constants.of(self.problem.dimension, self.population_size)
        penalised = subtract_l2_penalty(fitness, members, self.hyperparameters.l2_penalty)
        raw = by_rank(penalised, constants.raw_weights)
        lengths = np.empty(len(raw))  # |z|²
        weights = raw / raw.sum() - 1 / len(raw)
        shift = np.zeros_like(self._mean)
        for pair, draw in enumerate(members.draws()):
            lengths[2 * pair : 2 * pair + 2] = dot(draw, draw)
            shift += (weights[2 * pair] - weights[2 * pair + 1]) * draw
        rate = np.sqrt(constants.c_sigma * (2 - constants.c_sigma) * constants.mu_eff)
        self._sigma_path = (1 - constants.c_sigma) * self._sigma_path + rate * shift
        moved = length(self._sigma_path) / constants.expected_length
        if moved >= 1:
            # Times the greatest factor or not, the weights are the same; without it they might overflow.
            exponents = constants.alpha_distance * np.sqrt(lengths)
            far = raw * np.exp(exponents - exponents.max())
            weights = far / far.sum() - 1 / len(far)
        self._move(members, weights, constants)
        growth = float(np.sum(weights * (lengths / len(self._mean) - 1)))  # G_σ
        self._sigma *= float(np.exp(constants.eta_sigma(moved) / 2 * growth))

    def _move(self, members: RidgePopulation, weights: Vector, constants: Constants) -> None:
        """Update m, p_c, v and D from the members' weights ``(population_size,)``."""
        sums = Sums(members.direction)
        step = np.zeros_like(self._mean)
        for pair, perturbation in enumerate(members.perturbations()):
            plus, minus = weights[2 * pair : 2 * pair + 2]
            step += (plus - minus) * perturbation
            sums.add(constants.eta_b * (plus + minus), perturbation)
        step *= self._scale
        rate = np.sqrt(constants.c_c * (2 - constants.c_c) * constants.mu_eff)
        self._direction_path = (1 - constants.c_c) * self._direction_path + rate * step
        self._mean = self._mean + self._sigma * step
        sums.add(constants.c_1, self._direction_path / self._scale)
        of_direction, of_scale = sums.natural_gradient()
        part, low, high = 1.0, float(of_scale.min()), float(of_scale.max())
        if low < -_LARGEST_CHANGE or high > _LARGEST_GROWTH:
            part = _LARGEST_CHANGE / max(-low, high, length(of_direction) / sums.length)
        self._direction = self._direction + part * of_direction
        self._direction *= min(1.0, _LONGEST / length(self._direction))
        self._scale = self._scale * (1 + part * of_scale)
        # Of determinant 1: the size is σ's alone.
        logarithm = np.log(self._scale).mean()
        logarithm += np.log1p(dot(self._direction, self._direction)) / (2 * len(self._scale))
        self._scale /= np.exp(logarithm)

    def _recentre(self, mean: Parameters) -> None:
        self._mean = mean.astype(np.float64)
        self._direction_path, self._sigma_path = np.zeros_like(self._mean), np.zeros_like(self._mean)

    def _state(self) -> State:
        return {
            "mean": self._mean,
            "sigma": np.array(self._sigma),
            "scale": self._scale,
            "direction": self._direction,
            "direction_path": self._direction_path,
            "sigma_path": self._sigma_path,
        }

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._mean, self._scale, self._direction, self._direction_path, self._sigma_path = (
            state[name].copy() for name in ("mean", "scale", "direction", "direction_path", "sigma_path")
        )
        self._sigma = float(state["sigma"].item())


@dataclass(frozen=True)
class Constants:
    """What follows from the dimension and the population size, in the authors' values."""

    raw_weights: Vector
    """``(population_size,)``, of the members from the worst to the best, not yet normalised."""
    mu_eff: float
    c_sigma: float
    c_c: float
    c_1: float
    eta_b: float
    alpha_distance: float
    expected_length: float
    """Of a standard normal vector."""
    eta_stagnating: float
    eta_converging: float

    @classmethod
    def of(cls, dimension: int, population_size: int) -> Constants:
        """Compute them; every member is feasible here, so that λ_F is λ."""
        d, n = dimension, population_size
        raw = log_rank_weights(n)
        mu_eff = float(1 / np.sum((raw / raw.sum()) ** 2))
        return cls(
            raw_weights=raw,
            mu_eff=mu_eff,
            c_sigma=(mu_eff + 2) / (d + mu_eff + 5),
            c_c=(4 + mu_eff / d) / (d + 4 + 2 * mu_eff / d),
            # Negative below five dimensions, where it would push v away from the path.
            c_1=max(0, d - 5) / 6 * 2 / ((d + 1.3) ** 2 + mu_eff),
            eta_b=float(np.tanh((min(0.02 * n, 3 * np.log(d)) + 5) / (0.23 * d + 25))),
            alpha_distance=_inverse_h(d) * min(1.0, float(np.sqrt(n / d))),
            expected_length=float(np.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d))),
            eta_stagnating=float(np.tanh((0.024 * n + 0.7 * d + 20) / (d + 12))),
            eta_converging=float(2 * np.tanh((0.025 * n + 0.75 * d + 10) / (d + 4))),
        )

    def eta_sigma(self, moved: float) -> float:
        """Return σ's learning rate, given the length of its path over the expected one."""
        if moved >= 1:
            return 1.0
        return self.eta_stagnating if moved >= 0.1 else self.eta_converging


def _inverse_h(dimension: int) -> float:
    """Solve (1 + α²) exp(α²/2) / 0.24 − 10 = dimension, by halving: the left side grows with α."""
    low, high = 0.0, 20.0
    for _ in range(64):
        middle = (low + high) / 2
        if np.log1p(middle**2) + middle**2 / 2 < np.log(0.24 * (dimension + 10)):
            low = middle
        else:
            high = middle
    return high

"""What PEPG and PGPE share: a Gaussian with one σ per parameter, sampled in mirrored pairs.

Members 2i and 2i + 1 are μ + ε and μ − ε with ε = σ z, z standard normal. The likelihood gradients are those
of symmetric sampling in Sehnke, Osendorfer, Rückstieß, Graves, Peters and Schmidhuber, "Parameter-exploring
policy gradients" (2010, https://doi.org/10.1016/j.neunet.2009.12.004). With f⁺ and f⁻ a pair's shaped fitness
and b the baseline, over n pairs::

    ∇μ = Σ (f⁺ − f⁻)/2 · ε / n                       = σ · Σ (f⁺ − f⁻)/2 · z / n                    (1)
    ∇σ = Σ ((f⁺ + f⁻)/2 − b) · (ε² − σ²)/σ / n       = σ · Σ ((f⁺ + f⁻)/2 − b) · (z² − 1) / n       (2)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.master.strategies.base import Parameters, Population, Problem, State, Strategy
from services.master.strategies.fitness_shaping import FITNESS_SHAPINGS, FitnessShaping, subtract_l2_penalty
from services.master.strategies.optimizers import Optimizer
from shared.seeding import noise
from shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]

_VECTORS = 8
"""float64 vectors at once: the mean, σ, their gradients, the optimizer's moments and a temporary or two."""


class MirroredPopulation(Population):
    """Members made out of (mean, σ, noise) when their rows are asked for.

    Memory holds the noise of the pairs, which the update needs anyway, and never the members. The arithmetic
    is float32 throughout, so that whoever has the same three gets the same bits.
    """

    def __init__(self, mean: Parameters, sigma: Parameters, noise: Parameters) -> None:
        self.mean = mean
        self.sigma = sigma
        self.noise = noise
        """``(population_size / 2, dimension)``"""

    def __len__(self) -> int:
        return 2 * len(self.noise)

    def rows(self, start: int, stop: int) -> Parameters:
        """Return the parameters ``(stop - start, dimension)`` of members ``start`` to ``stop - 1``."""
        first = start // 2
        perturbations = self.sigma * self.noise[first : (stop + 1) // 2]
        members = np.empty((2 * len(perturbations), len(self.mean)), np.float32)
        np.add(self.mean, perturbations, out=members[0::2])
        np.subtract(self.mean, perturbations, out=members[1::2])
        rows = members[start - 2 * first : stop - 2 * first]
        rows.flags.writeable = False
        return rows


class MirroredGaussian(Strategy):
    """Base of the strategies that follow gradients (1) and (2); how far they follow is theirs to say."""

    mirrored = True

    def __init__(
        self, hyperparameters: StrategySpec, problem: Problem, sigma: float, optimizer: Optimizer
    ) -> None:
        super().__init__(hyperparameters, problem)
        self._mean: Vector = problem.initial_mean.astype(np.float64)
        self._sigma: Vector = np.full(problem.dimension, sigma)
        self._optimizer = optimizer
        self._population = self._no_population()

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:  # noqa: ARG003
        """Return the size of the pairs' noise and of what is as long as the mean."""
        return dimension * (4 * (population_size // 2) + 8 * _VECTORS)

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return self._mean.astype(np.float32)

    def summary(self) -> dict[str, float]:
        """Return the spread of the step sizes."""
        return {
            "sigma_mean": float(self._sigma.mean()),
            "sigma_min": float(self._sigma.min()),
            "sigma_max": float(self._sigma.max()),
        }

    @abstractmethod
    def _learn(self, shaped: Vector, mean_gradient: Vector, sigma_gradient: Vector) -> None:
        """Move the mean and σ, given the shaped fitness ``(population_size,)`` and both gradients."""

    def _ask(self) -> Population:
        seed, generation, dimension = self.problem.seed, self.generation, self.problem.dimension
        draws = np.empty((self.problem.population_size // 2, dimension), np.float32)
        for pair in range(len(draws)):
            draws[pair] = noise(seed, generation, pair, dimension)
        self._population = MirroredPopulation(self.mean, self._sigma.astype(np.float32), draws)
        return self._population

    def _tell(self, fitness: Vector) -> None:
        shaped = self._shape(fitness)
        linear, quadratic = weighted_sums(self._population.noise, *pair_weights(shaped))
        pairs = len(self._population.noise)
        self._learn(shaped, self._sigma * linear / pairs, self._sigma * quadratic / pairs)  # (1), (2)
        self._population = self._no_population()

    @abstractmethod
    def _shape(self, fitness: Vector) -> Vector:
        """Turn fitness into the weights of the update."""

    def _penalise_and_shape(self, fitness: Vector, l2_penalty: float, shaping: FitnessShaping) -> Vector:
        return FITNESS_SHAPINGS[shaping](subtract_l2_penalty(fitness, self._population, l2_penalty))

    def _limited(self, change: Vector, max_change: float) -> Vector:
        """Clip a change of σ to ``max_change`` times σ, so that σ stays positive."""
        return np.clip(change, -max_change * self._sigma, max_change * self._sigma)

    def _no_population(self) -> MirroredPopulation:
        nothing = np.empty((0, self.problem.dimension), np.float32)
        return MirroredPopulation(nothing, nothing, nothing)

    def _state(self) -> State:
        optimizer = {f"optimizer.{name}": value for name, value in self._optimizer.state().items()}
        return {"mean": self._mean, "sigma": self._sigma} | optimizer

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._mean, self._sigma = state["mean"].copy(), state["sigma"].copy()
        self._optimizer.restore(
            {
                name.removeprefix("optimizer."): value
                for name, value in state.items()
                if name.startswith("optimizer.")
            }
        )
        self._population = self._no_population()


def pair_weights(shaped: Vector) -> tuple[Vector, Vector]:
    """Return each pair's (f⁺ − f⁻)/2 and (f⁺ + f⁻)/2 − b, with the mean as the baseline b."""
    plus, minus = shaped[0::2], shaped[1::2]
    return (plus - minus) / 2, (plus + minus) / 2 - shaped.mean()


def weighted_sums(noise: Parameters, linear: Vector, quadratic: Vector) -> tuple[Vector, Vector]:
    """Return Σ linear · z and Σ quadratic · (z² − 1) over the pairs, each ``(dimension,)``.

    einsum adds the pairs in their order, in double precision, without a copy of the noise; a matrix product
    would leave the order of the sum, and so its bits, to BLAS and the number of its threads.
    """
    first = np.einsum("p,pd->d", linear, noise)
    second = np.einsum("p,pd,pd->d", quadratic, noise, noise)
    return first, second - quadratic.sum()

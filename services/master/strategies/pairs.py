"""What mirrored pairs say: their weights, and the gradients estimated from them. Pure functions.

Members 2i and 2i + 1 are μ + ε and μ − ε with ε = σ z, z standard normal. The likelihood gradients are those of
symmetric sampling in Sehnke, Osendorfer, Rückstieß, Graves, Peters and Schmidhuber, "Parameter-exploring policy
gradients" (2010, https://doi.org/10.1016/j.neunet.2009.12.004). With f⁺ and f⁻ a pair's shaped fitness and b the
baseline, over the n pairs that count::

    w = (f⁺ − f⁻)/2,   v = (f⁺ + f⁻)/2 − b                                   (P1)
    ∇μ = Σ w ε / n                 = σ · Σ w z / n                           (P2)
    ∇σ = Σ v (ε² − σ²)/σ / n       = σ · Σ v (z² − 1) / n                    (P3)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.strategies.fitness_shaping import best_pairs
from seedcast.services.master.strategies.sampling import GaussianPopulation

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class PairWeights:
    """The weights of a generation's pairs; those of a pair that does not count are 0."""

    shaped: Vector
    """The shaped fitness of the members that count, in order: ``(2 * pairs,)``."""
    linear: Vector
    """w of each pair ``(draws,)``."""
    quadratic: Vector
    """v of each pair ``(draws,)``, with the mean of `shaped` as the baseline b."""

    @property
    def pairs(self) -> int:
        """n: how many count."""
        return len(self.shaped) // 2


def weigh_pairs(
    fitness: Vector, count: int, shape: Callable[[Vector], Vector], penalty: Vector | None = None
) -> PairWeights:
    """Return the weights (P1) of the ``count`` best pairs, shaped as if there were no others.

    ``fitness`` is ``(population_size,)``. A ``penalty`` of the same shape is taken off the shaped fitness.
    """
    chosen = best_pairs(fitness, count)
    members = np.stack([2 * chosen, 2 * chosen + 1], axis=1).ravel()
    shaped = shape(fitness[members])
    if penalty is not None:
        shaped = shaped - penalty[members]
    plus, minus = shaped[0::2], shaped[1::2]
    linear, quadratic = np.zeros((2, len(fitness) // 2))
    linear[chosen] = (plus - minus) / 2
    quadratic[chosen] = (plus + minus) / 2 - shaped.mean()
    return PairWeights(shaped, linear, quadratic)


def pair_direction(population: GaussianPopulation, weights: PairWeights) -> Vector:
    """Return Σ w z / n ``(dimension,)``: (P2) over σ, for strategies whose σ is one number."""
    return population.weighted_sums(weights.linear)[0] / weights.pairs


def pair_gradients(population: GaussianPopulation, weights: PairWeights, sigma: Vector) -> tuple[Vector, Vector]:
    """Return ∇μ (P2) and ∇σ (P3), each ``(dimension,)`` as ``sigma`` is."""
    linear, quadratic = population.weighted_sums(weights.linear, weights.quadratic)
    return sigma * linear / weights.pairs, sigma * quadratic / weights.pairs


def limited(change: Vector, sigma: Vector, most: float) -> Vector:
    """Clip a change of σ to ``most`` times σ, so that σ stays positive."""
    return np.clip(change, -most * sigma, most * sigma)


def spread(sigma: Vector) -> dict[str, float]:
    """Return the figures of a σ for each parameter."""
    return {"sigma_mean": float(sigma.mean()), "sigma_min": float(sigma.min()), "sigma_max": float(sigma.max())}

"""How fitness becomes the weights of an update, and the penalty on large parameters.

Centred ranks are the fitness shaping of Salimans, Ho, Chen, Sidor and Sutskever, "Evolution strategies as a
scalable alternative to reinforcement learning" (2017, https://arxiv.org/abs/1703.03864), NES utilities that of
Wierstra, Schaul, Glasmachers, Sun, Peters and Schmidhuber, "Natural evolution strategies" (JMLR 2014,
https://jmlr.org/papers/v15/wierstra14a.html): of both only the order of the fitness counts. The best pairs are the
top directions of Mania, Guy and Recht, "Simple random search provides a competitive approach to reinforcement
learning" (2018, https://arxiv.org/abs/1803.07055).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from services.master.strategies.base import Population
from shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]
FitnessShaping = Literal["centred_ranks", "z_score", "nes_utilities", "raw"]


class PenaltyOptions(StrategySpec):
    """What is taken off the fitness before anything else is made of it."""

    l2_penalty: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.0,
        description="Times the mean square of a member's parameters, subtracted from its fitness.",
    )


class ShapingOptions(StrategySpec):
    """How the strategies that sample mirrored pairs make weights of the fitness."""

    fitness_shaping: FitnessShaping = Field(
        default="centred_ranks", description="How fitness becomes the weights of the update."
    )
    elite_ratio: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="The share of the mirrored pairs, rounded, that the update is made of, as if there were no "
        "others: those whose better member is best.",
    )

    def elites(self, pairs: int) -> int:
        """Return how many of the pairs enter the update."""
        return max(1, int(self.elite_ratio * pairs + 0.5))


def centred_ranks(fitness: Vector) -> Vector:
    """Spread the members evenly over [-0.5, 0.5] by rank; of equals the lower index ranks lower."""
    ranks = np.empty(len(fitness))
    ranks[np.argsort(fitness, kind="stable")] = np.arange(len(fitness))
    return ranks / (len(fitness) - 1) - 0.5


def z_score(fitness: Vector) -> Vector:
    """Shift and scale the fitness to mean 0 and standard deviation 1; equal fitness gives zeros."""
    centred = fitness - fitness.mean()
    deviation = centred.std()
    return centred / deviation if deviation > 0 else np.zeros_like(fitness)


def nes_utilities(fitness: Vector) -> Vector:
    """Weigh the better half by the logarithm of its rank, the rest alike; the weights add up to 0.

    u_k = max(0, ln(λ/2 + 1) − ln k) / Σ_j max(0, ln(λ/2 + 1) − ln j) − 1/λ for the k-th best of λ members; of
    equals the lower index ranks lower.
    """
    count = len(fitness)
    worst_to_best = np.arange(count, 0, -1)
    weights = np.maximum(0.0, np.log(count / 2 + 1) - np.log(worst_to_best))
    utilities = np.empty(count)
    utilities[np.argsort(fitness, kind="stable")] = weights / weights.sum() - 1 / count
    return utilities


def raw(fitness: Vector) -> Vector:
    """Leave the fitness as it is."""
    return fitness


_CHUNK = 8

FITNESS_SHAPINGS: Mapping[FitnessShaping, Callable[[Vector], Vector]] = {
    "centred_ranks": centred_ranks,
    "z_score": z_score,
    "nes_utilities": nes_utilities,
    "raw": raw,
}


def best_pairs(fitness: Vector, count: int) -> NDArray[np.intp]:
    """Return the ``count`` mirrored pairs, in order, whose better member is best; of equals the first.

    ``fitness`` is ``(2 * pairs,)``, the two members of a pair one after another.
    """
    better = np.maximum(fitness[0::2], fitness[1::2])
    return np.sort(np.argsort(-better, kind="stable")[:count])


def subtract_l2_penalty(fitness: Vector, population: Population, coefficient: float) -> Vector:
    """Return the fitness less ``coefficient`` times the mean square of each member's parameters."""
    return fitness - l2_penalty(population, coefficient)


def l2_penalty(population: Population, coefficient: float) -> Vector:
    """Return ``coefficient`` times the mean square of each member's parameters ``(population_size,)``."""
    if coefficient == 0:
        return np.zeros(len(population))
    return coefficient * _mean_squares(population)


def _mean_squares(population: Population) -> Vector:
    means = np.empty(len(population))
    # A few members at a time: neither the population nor its squares are ever held whole.
    for start in range(0, len(population), _CHUNK):
        rows = population.rows(start, start + _CHUNK)
        means[start : start + _CHUNK] = np.einsum("md,md->m", rows, rows, dtype=np.float64) / rows.shape[1]
    return means

"""How fitness becomes the weights of an update, and the penalty on large parameters.

Centred ranks are the fitness shaping of Salimans, Ho, Chen, Sidor and Sutskever, "Evolution strategies as a
scalable alternative to reinforcement learning" (2017, https://arxiv.org/abs/1703.03864), NES utilities that of
Wierstra, Schaul, Glasmachers, Sun, Peters and Schmidhuber, "Natural evolution strategies" (JMLR 2014,
https://jmlr.org/papers/v15/wierstra14a.html): of both only the order of the fitness counts. Robust z-scores are
the modified ones of Iglewicz and Hoaglin, "How to detect and handle outliers" (1993), with outliers cut. The best
pairs are the top directions of Mania, Guy and Recht, "Simple random search provides a competitive approach to
reinforcement learning" (2018, https://arxiv.org/abs/1803.07055).

Members of equal fitness get the mean of their ranks' weights: by index it would be the noise of their
perturbations that counts, and flat fitness would move the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from seedcast.services.master.strategies.base import Population
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]
FitnessShaping = Literal["centred_ranks", "z_score", "robust_z_score", "nes_utilities", "raw"]

NORMAL_MAD = 1.4826
"""Standard deviations of a normal distribution in its median absolute deviation."""

OUTLIER_CUT = 3.0
"""Deviations of the usual members that a robust z-score counts at most, where nothing else is said."""


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
    outlier_cut: Annotated[float, Field(gt=0, le=1e6)] = Field(
        default=OUTLIER_CUT,
        description="Of robust z-scores: how far from the median a member counts at most, in deviations of the "
        "usual members.",
    )
    top_pairs_ratio: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="The share of the mirrored pairs, rounded, that the update is made of, as if there were no "
        "others: those whose better member is best, and all that equal the last of them.",
    )

    @model_validator(mode="before")
    @classmethod
    def _earlier_name(cls, values: Any) -> Any:  # noqa: ANN401 - not validated yet
        """Read what was called ``elite_ratio``, which in estool chooses members and sets the mean to theirs."""
        if not isinstance(values, dict) or "elite_ratio" not in values or "top_pairs_ratio" in values:
            return values
        return {{"elite_ratio": "top_pairs_ratio"}.get(name, name): value for name, value in values.items()}

    def shape(self, fitness: Vector) -> Vector:
        """Return what the fitness of the members that count ``(n,)`` weighs."""
        if self.fitness_shaping == "robust_z_score":
            return robust_z_score(fitness, self.outlier_cut)
        return FITNESS_SHAPINGS[self.fitness_shaping](fitness)

    def top_pairs(self, pairs: int) -> int:
        """Return how many of the pairs enter the update."""
        return max(1, int(self.top_pairs_ratio * pairs + 0.5))


def by_rank(fitness: Vector, weights: Vector) -> Vector:
    """Give each member the weight of its rank, and members of equal fitness the mean of theirs.

    ``weights (population_size,)`` are those of the ranks from the worst to the best.
    """
    _, group, sizes = np.unique(fitness, return_inverse=True, return_counts=True)
    return np.asarray((np.add.reduceat(weights, np.cumsum(sizes) - sizes) / sizes)[group])


def centred_ranks(fitness: Vector) -> Vector:
    """Spread the members evenly over [-0.5, 0.5] by rank."""
    return by_rank(fitness, np.arange(len(fitness), dtype=np.float64)) / (len(fitness) - 1) - 0.5


def z_score(fitness: Vector) -> Vector:
    """Shift and scale the fitness to mean 0 and standard deviation 1; equal fitness gives zeros."""
    centred = fitness - fitness.mean()
    deviation = centred.std()
    return centred / deviation if deviation > 0 else np.zeros_like(fitness)


def robust_z_score(fitness: Vector, outlier_cut: float = OUTLIER_CUT) -> Vector:
    """Shift by the median, scale by the deviation of the usual members, and cut at so many of it either way.

    The scale is 1.4826 median absolute deviations, a standard deviation of normal fitness. A rare failure counts
    for more than a small difference, as it does not by rank, and hides none, as it does where its size is in the
    standard deviation. Where over half of the members are equal there is no such deviation: z-scores.
    """
    centred = fitness - np.median(fitness)
    scale = NORMAL_MAD * np.median(np.abs(centred))
    if scale == 0:
        return z_score(fitness)
    cut = np.clip(centred / scale, -outlier_cut, outlier_cut)
    return np.asarray(cut - cut.mean())


def nes_utilities(fitness: Vector) -> Vector:
    """Weigh the better half by the logarithm of its rank, the rest alike; the weights add up to 0.

    u_k = max(0, ln(λ/2 + 1) − ln k) / Σ_j max(0, ln(λ/2 + 1) − ln j) − 1/λ for the k-th best of λ members. All of
    equal fitness get 0, exactly.
    """
    count = len(fitness)
    if (fitness == fitness[0]).all():
        return np.zeros(count)
    weights = log_rank_weights(count)
    return by_rank(fitness, weights / weights.sum() - 1 / count)


def log_rank_weights(count: int) -> Vector:
    """Return max(0, ln(λ/2 + 1) − ln k) of λ ranks, from the worst to the best, which has k = 1."""
    return np.asarray(np.maximum(0.0, np.log(count / 2 + 1) - np.log(np.arange(count, 0, -1))))


def raw(fitness: Vector) -> Vector:
    """Leave the fitness as it is."""
    return fitness


_CHUNK = 8

FITNESS_SHAPINGS: Mapping[FitnessShaping, Callable[[Vector], Vector]] = {
    "centred_ranks": centred_ranks,
    "z_score": z_score,
    "robust_z_score": robust_z_score,
    "nes_utilities": nes_utilities,
    "raw": raw,
}


def best_pairs(fitness: Vector, count: int) -> NDArray[np.intp]:
    """Return, in order, the ``count`` mirrored pairs whose better member is best, and all that equal the last.

    ``fitness`` is ``(2 * pairs,)``, the two members of a pair one after another.
    """
    better = np.maximum(fitness[0::2], fitness[1::2])
    return np.flatnonzero(better >= np.sort(better)[-count])


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

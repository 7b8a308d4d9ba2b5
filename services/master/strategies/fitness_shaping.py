"""How fitness becomes the weights of an update, and the penalty on large parameters.

Centred ranks are the fitness shaping of Salimans, Ho, Chen, Sidor and Sutskever, "Evolution strategies as a
scalable alternative to reinforcement learning" (2017, https://arxiv.org/abs/1703.03864): only the order of
the fitness counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.master.strategies.base import Population

Vector = NDArray[np.float64]
FitnessShaping = Literal["centred_ranks", "z_score", "raw"]


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


def raw(fitness: Vector) -> Vector:
    """Leave the fitness as it is."""
    return fitness


_CHUNK = 8

FITNESS_SHAPINGS: Mapping[FitnessShaping, Callable[[Vector], Vector]] = {
    "centred_ranks": centred_ranks,
    "z_score": z_score,
    "raw": raw,
}


def subtract_l2_penalty(fitness: Vector, population: Population, coefficient: float) -> Vector:
    """Return the fitness less ``coefficient`` times the mean square of each member's parameters."""
    if coefficient == 0:
        return fitness
    return fitness - coefficient * _mean_squares(population)


def _mean_squares(population: Population) -> Vector:
    means = np.empty(len(population))
    # A few members at a time: neither the population nor its squares are ever held whole.
    for start in range(0, len(population), _CHUNK):
        rows = population.rows(start, start + _CHUNK)
        means[start : start + _CHUNK] = np.einsum("md,md->m", rows, rows, dtype=np.float64) / rows.shape[1]
    return means

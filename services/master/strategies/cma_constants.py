"""CMA-ES's constants, which follow from the dimension n and the population size λ.

The numbers are those of Hansen, "The CMA evolution strategy: a tutorial" (2016, https://arxiv.org/abs/1604.00772),
appendix A. Where pycma (https://github.com/CMA-ES/pycma), the author's own, has moved on, they are pycma's, as is
said beside them. The diagonal covariance's learning rates are pycma's throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Constants:
    """What does not change while a search runs."""

    weights: Vector
    """w ``(population_size,)``, of the ranks from the worst to the best: the positive ones add up to 1 (53)."""
    mu_eff: float
    """Of the positive weights: 1 / Σ w²."""
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    expected_length: float
    """Of a standard normal vector."""

    @classmethod
    def of(cls, dimension: int, population_size: int, *, diagonal: bool) -> Constants:
        """Compute them, for a full covariance or its diagonal only."""
        n = dimension
        raw = math.log((population_size + 1) / 2) - np.log(np.arange(population_size, 0, -1))  # (49)
        better, worse = np.maximum(raw, 0), np.minimum(raw, 0)
        mu_eff = float(better.sum() ** 2 / np.square(better).sum())
        mu_eff_minus = float(worse.sum() ** 2 / np.square(worse).sum())
        if diagonal:
            c_c = (1 + 1 / n + mu_eff / n) / (math.sqrt(n) + 1 / n + 2 * mu_eff / n)
            c_1 = 1 / (n + 2 * math.sqrt(n) + mu_eff / n)
            c_mu = (0.25 + mu_eff + 1 / mu_eff - 2) / (n + 4 * math.sqrt(n) + mu_eff / 2)
        else:
            c_c = (4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n)  # (56)
            c_1 = min(1.0, population_size / 6) * 2 / ((n + 1.3) ** 2 + mu_eff)  # (57)
            c_mu = 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((n + 2) ** 2 + mu_eff)  # (58)
        c_mu = min(1 - c_1, c_mu)
        # The negative weights' sum: C's own size cancels out (50), few good members allow little (51), and C stays
        # positive definite (52), as an exponential update of its diagonal always is.
        allowed = [1 + c_1 / c_mu, 1 + 2 * mu_eff_minus / (mu_eff + 2)]
        if not diagonal:
            allowed.append((1 - c_1 - c_mu) / (n * c_mu))
        weights = better / better.sum() - min(allowed) * worse / worse.sum()  # (53)
        c_sigma = min(0.5, (mu_eff + 2) / (n + mu_eff + 3))  # (55), in pycma's form
        damping = max(1.0, 3 * (1 - 0.5 ** (n / 9)))  # pycma's; 1 in (55)
        d_sigma = 1 + c_sigma + 2 * max(0.0, damping * math.sqrt((mu_eff - 1) / (n + 1)) - 1)
        return cls(weights, mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu, _expected_length(n))


def _expected_length(dimension: int) -> float:
    """Return E‖N(0, I)‖, by the gamma function where its logarithm is exact enough, else by an expansion."""
    if dimension <= 100:
        return math.sqrt(2) * math.exp(math.lgamma((dimension + 1) / 2) - math.lgamma(dimension / 2))
    return math.sqrt(dimension) * (1 - 1 / (4 * dimension) + 1 / (32 * dimension**2))

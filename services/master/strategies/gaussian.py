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

from services.master.strategies.ascent import AscentOptions
from services.master.strategies.base import Parameters, Problem, State
from services.master.strategies.mirrored import MirroredSearch, PairShaping, PairWeights
from shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]


class MirroredGaussian(MirroredSearch):
    """Base of the strategies that follow gradients (1) and (2); how far they follow is theirs to say."""

    def __init__(
        self,
        hyperparameters: StrategySpec,
        problem: Problem,
        sigma: float,
        shaping: PairShaping,
        ascent: AscentOptions,
    ) -> None:
        super().__init__(hyperparameters, problem, shaping, ascent)
        self._sigma: Vector = np.full(problem.dimension, sigma)

    def summary(self) -> dict[str, float]:
        """Return the spread of the step sizes."""
        return {
            "sigma_mean": float(self._sigma.mean()),
            "sigma_min": float(self._sigma.min()),
            "sigma_max": float(self._sigma.max()),
        }

    @abstractmethod
    def _learn(self, shaped: Vector, mean_gradient: Vector, sigma_gradient: Vector) -> None:
        """Move the mean and σ, given the shaped fitness of the members that count and both gradients."""

    def _deviations(self) -> Parameters:
        return self._sigma.astype(np.float32)

    def _follow(self, weights: PairWeights) -> None:
        linear, quadratic = self._population.weighted_sums(weights.linear, weights.quadratic)
        mean_gradient = self._sigma * linear / weights.pairs  # (1)
        sigma_gradient = self._sigma * quadratic / weights.pairs  # (2)
        self._learn(weights.shaped, mean_gradient, sigma_gradient)

    def _limited(self, change: Vector, max_change: float) -> Vector:
        """Clip a change of σ to ``max_change`` times σ, so that σ stays positive."""
        return np.clip(change, -max_change * self._sigma, max_change * self._sigma)

    def _state(self) -> State:
        return super()._state() | {"sigma": self._sigma}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(state)
        self._sigma = state["sigma"].copy()

"""A strategy improves, by the factors and within the budgets declared."""

from __future__ import annotations

import numpy as np

from seedcast.services.master.strategies.base import Parameters, Strategy
from seedcast.services.master.strategies.contract.settings import (
    TARGET,
    Budget,
    Fitness,
    Landscape,
    Settings,
    sphere,
    train,
)

CONDITION = 1000.0


def ellipsoid(dimension: int, *, rotated: bool) -> Landscape:
    """Return -Σ 1000^(i/(d-1)) yᵢ² with y = R (x - 1), R a rotation drawn once for each dimension, or none."""
    curvatures = CONDITION ** np.linspace(0, 1, dimension)
    rotation = np.linalg.qr(np.random.default_rng(dimension).normal(size=(dimension, dimension)))[0]

    def fitness(members: Parameters, generation: int = 0) -> Fitness:  # noqa: ARG001
        away = members.astype(np.float64) - TARGET
        return np.asarray(-np.square(away @ rotation.T if rotated else away) @ curvatures)

    return fitness


def noisy_sphere(members: Parameters, generation: int) -> Fitness:
    """Return the sphere's fitness with normal noise of standard deviation 1."""
    return sphere(members) + np.random.default_rng(generation).normal(size=len(members))


class Progress(Settings):
    """Sphere, rotated ellipsoid, noisy sphere."""

    def test_it_improves_on_the_sphere(self) -> None:
        assert_improves(self.build(), self.sphere, sphere, sphere)

    def test_it_improves_on_a_rotated_ellipsoid(self) -> None:
        landscape = ellipsoid(self.dimension, rotated=True)
        assert_improves(self.build(), self.ellipsoid, landscape, landscape)

    def test_it_improves_on_a_noisy_sphere(self) -> None:
        assert_improves(self.build(), self.noisy_sphere, noisy_sphere, sphere)


def assert_improves(strategy: Strategy, budget: Budget, told: Landscape, true: Landscape) -> None:
    """Train on one landscape, and compare the mean's loss in the other before and after."""
    before = -true(strategy.mean[None], 0)[0]
    after = -true(train(strategy, budget.generations, told).mean[None], 0)[0]
    assert after <= before / budget.factor, (
        f"the loss fell from {before:.4g} to {after:.4g}, by {before / after:.4g} in {budget.generations} "
        f"generations; {budget.factor:g} is declared"
    )

"""Transformations of fitness and space under which the search stays what it is."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.strategies.base import Strategy
from seedcast.services.master.strategies.contract.progress import ellipsoid
from seedcast.services.master.strategies.contract.settings import (
    SHAPINGS,
    FitnessInvariance,
    Landscape,
    Settings,
    made_up_fitness,
    members_of,
    sphere,
    train,
)

SEEDS = range(8)

FLOAT32_LOSS = 1e-9
"""Below this the loss is that of rounding parameters to float32."""


class Invariance(Settings):
    """Of fitness: monotone or affine. Of space: translation, rotation."""

    def kept_under(self) -> FitnessInvariance:
        """Return the transformations of fitness that are declared to leave no trace."""
        if self.fitness_invariance is not None:
            return self.fitness_invariance
        return SHAPINGS[getattr(self.plain_spec(), "fitness_shaping", "centred_ranks")]

    def test_only_the_order_of_the_fitness_counts_if_it_is_rank_based(self) -> None:
        if self.kept_under() != "monotone":
            pytest.skip("it is not rank-based")
        plain, stretched = self.build(spec=self.plain_spec()), self.build(spec=self.plain_spec())
        train(plain, 10)
        train(stretched, 10, lambda members, _: np.exp(sphere(members) / 10) * 1000 - 3)
        assert_same_shape_of_search(plain, stretched)

    def test_scaled_and_shifted_fitness_gives_the_same_search_if_it_is_standardised(self) -> None:
        if self.kept_under() == "none":
            pytest.skip("the size of the fitness counts")
        plain, scaled = self.build(spec=self.plain_spec()), self.build(spec=self.plain_spec())
        for _ in range(10):
            for strategy, scale, shift in ((plain, 1.0, 0.0), (scaled, 3.7, -11.0)):
                strategy.ask()
                strategy.tell(scale * made_up_fitness(strategy) + shift)
        np.testing.assert_allclose(scaled.mean, plain.mean, rtol=1e-4, atol=1e-6)

    def test_a_search_that_starts_elsewhere_and_is_told_the_same_goes_the_same_way(self) -> None:
        if not self.translation_invariant:
            pytest.skip("it is not declared")
        shift = np.linspace(-2, 2, self.dimension, dtype=np.float32)
        here, there = self.build(spec=self.plain_spec()), self.build(mean=shift, spec=self.plain_spec())
        for _ in range(10):
            np.testing.assert_allclose(members_of(there) - shift, members_of(here), atol=2e-5)
            here.tell(made_up_fitness(here))
            there.tell(made_up_fitness(there))
        np.testing.assert_allclose(there.mean - shift, here.mean, atol=2e-5)

    def test_it_gets_as_far_in_a_rotated_landscape_if_it_is_rotation_invariant(self) -> None:
        if not self.rotation_invariant:
            pytest.skip("it is not declared")
        # The draws are keyed to the axes, so that one run differs from its rotated one: their averages must not.
        plain = self._final_losses(ellipsoid(self.dimension, rotated=False))
        rotated = self._final_losses(ellipsoid(self.dimension, rotated=True))
        tolerance = 3 * np.sqrt((plain.var(ddof=1) + rotated.var(ddof=1)) / len(SEEDS))
        assert abs(plain.mean() - rotated.mean()) <= tolerance, f"log10 loss {plain} and, rotated, {rotated}"

    def _final_losses(self, landscape: Landscape) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return log10 of the mean's loss after a third of the ellipsoid's budget, for several seeds."""
        spec, generations = self.plain_spec(), self.ellipsoid.generations // 3
        ends = [train(self.build(seed, spec=spec), generations, landscape).mean for seed in SEEDS]
        return np.log10(np.maximum(-landscape(np.array(ends), 0), FLOAT32_LOSS))


def assert_same_shape_of_search(one: Strategy, other: Strategy) -> None:
    """Compare where two searches are and where they would look next, to the bit."""
    assert one.mean.tobytes() == other.mean.tobytes()
    assert members_of(one).tobytes() == members_of(other).tobytes()

"""The population changes its size and the search its centre, between generations and never amid one."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.strategies.base import (
    FitnessError,
    PopulationSizeError,
    RecentreError,
    StrategyOrderError,
)
from seedcast.services.master.strategies.contract.settings import (
    Settings,
    assert_same_state,
    members_of,
    through_a_checkpoint,
    train,
)


class Changes(Settings):
    """`Strategy.resize` and `Strategy.recentre`."""

    @property
    def larger(self) -> int:
        """Another size, which every strategy takes that takes the first."""
        return 2 * self.population_size

    def _only_if_resizable(self) -> None:
        if not self.strategy.resizable:
            pytest.skip("its population keeps its size")

    def test_a_population_that_keeps_its_size_says_so(self) -> None:
        if self.strategy.resizable:
            pytest.skip("its population may be resized")
        strategy = self.build()
        strategy.resize(self.population_size)
        with pytest.raises(PopulationSizeError, match=f"keeps its population of {self.population_size}"):
            strategy.resize(self.larger)

    def test_a_resized_population_has_its_new_size_and_learns(self) -> None:
        self._only_if_resizable()
        strategy = train(self.build(), 2)
        for size in (self.larger, self.population_size):
            strategy.resize(size)
            assert len(strategy.ask()) == strategy.population_size == size
            with pytest.raises(FitnessError, match=rf"\({size + 2},\).*\({size},\)"):
                strategy.tell(np.zeros(size + 2))
            strategy.tell(np.arange(size, dtype=np.float64))
            train(strategy, 2)
        assert np.isfinite(strategy.mean).all()

    def test_a_search_resized_before_it_begins_is_one_begun_at_that_size(self) -> None:
        self._only_if_resizable()
        resized, begun = self.build(), self.build(population_size=self.larger)
        resized.resize(self.larger)
        assert_same_state(train(resized, 3).state(), train(begun, 3).state())

    def test_a_resized_search_is_restored_at_its_size_bit_for_bit(self) -> None:
        self._only_if_resizable()
        strategy = train(self.build(), 2)
        strategy.resize(self.larger)
        for _ in range(2):  # before and after its first generation of that size
            restored = self.build()
            restored.restore(through_a_checkpoint(strategy.state()))
            assert_same_state(train(restored, 3).state(), train(strategy, 3).state())

    def test_a_size_that_does_not_suit_is_refused_and_changes_nothing(self) -> None:
        self._only_if_resizable()
        strategy = self.build()
        unfit = next((size for size in (1, 3, 33) if strategy.refuse_population_size(size)), None)
        if unfit is None:
            pytest.skip("it takes every size")
        with pytest.raises(PopulationSizeError, match=f"got {unfit}"):
            strategy.resize(unfit)
        assert strategy.population_size == self.population_size

    def test_neither_size_nor_centre_changes_between_ask_and_tell(self) -> None:
        strategy = self.build()
        strategy.ask()
        with pytest.raises(StrategyOrderError, match=r"resize\(\) was called between"):
            strategy.resize(self.larger)
        with pytest.raises(StrategyOrderError, match=r"recentre\(\) was called between"):
            strategy.recentre(strategy.mean)

    def test_a_recentred_search_goes_on_around_its_new_centre(self) -> None:
        strategy = train(self.build(), 5)
        old, new = strategy.mean, np.linspace(50, 60, self.dimension, dtype=np.float32)
        spread = np.std(members_of(train(self.build(), 5)) - old)
        strategy.recentre(new)
        assert np.array_equal(strategy.mean, new)
        members = members_of(strategy)
        assert (np.linalg.norm(members - new, axis=1) < np.linalg.norm(members - old, axis=1)).all()
        assert 0.5 < np.std(members - new) / spread < 2  # step sizes stay
        assert strategy.generation == 5

    def test_a_recentred_search_has_forgotten_where_it_was_heading(self) -> None:
        strategy, heading = self.build(spec=self.plain_spec()), np.ones(self.dimension)
        train(strategy, 20, lambda members, _: members @ heading)
        start = np.full(self.dimension, 50, np.float32)
        strategy.recentre(start)
        train(strategy, 1, lambda members, _: -members @ heading)
        assert (strategy.mean - start) @ heading < 0  # at once, against what momentum would do

    def test_a_recentred_search_is_restored_bit_for_bit(self) -> None:
        strategy = train(self.build(), 5)
        strategy.recentre(np.ones(self.dimension, np.float32))
        for _ in range(2):  # before and after its first generation there
            restored = self.build()
            restored.restore(through_a_checkpoint(strategy.state()))
            assert_same_state(train(restored, 3).state(), train(strategy, 3).state())

    @pytest.mark.parametrize("wrong", [np.nan, np.inf])
    def test_a_centre_that_is_not_finite_is_refused_by_parameter_and_changes_nothing(self, wrong: float) -> None:
        strategy, untroubled = train(self.build(), 2), train(self.build(), 2)
        centre = np.zeros(self.dimension, np.float32)
        centre[3] = wrong
        with pytest.raises(RecentreError, match=f"parameter 3 of the mean is {wrong}"):
            strategy.recentre(centre)
        assert_same_state(strategy.state(), untroubled.state())

    def test_a_centre_of_another_shape_is_refused_with_its_shape(self) -> None:
        with pytest.raises(RecentreError, match=rf"\({self.dimension + 1},\).*\({self.dimension},\)"):
            self.build().recentre(np.zeros(self.dimension + 1, np.float32))

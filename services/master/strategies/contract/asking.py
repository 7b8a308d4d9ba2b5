"""Ask and tell in turn; what is told is checked; what is asked for is read-only."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.strategies.base import FitnessError, StrategyOrderError
from seedcast.services.master.strategies.contract.settings import (
    Settings,
    assert_same_state,
    members_of,
    sphere,
    train,
)


class AskAndTell(Settings):
    """Order, fitness, populations."""

    def test_a_second_ask_without_a_tell_is_refused(self) -> None:
        strategy = self.build()
        strategy.ask()
        with pytest.raises(StrategyOrderError, match=r"ask\(\) was called twice"):
            strategy.ask()

    def test_a_tell_without_an_ask_is_refused(self) -> None:
        strategy = train(self.build(), 1)
        with pytest.raises(StrategyOrderError, match=r"tell\(\) was called without calling ask"):
            strategy.tell(np.zeros(self.population_size))

    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
    def test_fitness_that_is_not_finite_is_refused_by_member(self, wrong: float) -> None:
        strategy = self.build()
        fitness = sphere(members_of(strategy))
        fitness[5] = wrong
        with pytest.raises(FitnessError, match=f"member 5 is {wrong}"):
            strategy.tell(fitness)

    def test_fitness_of_another_shape_is_refused_with_its_shape(self) -> None:
        strategy, size = self.build(), self.population_size
        strategy.ask()
        with pytest.raises(FitnessError, match=rf"\({size - 1},\).*\({size},\)"):
            strategy.tell(np.zeros(size - 1))

    def test_refused_fitness_leaves_the_population_to_be_told(self) -> None:
        strategy, untroubled = self.build(), self.build()
        fitness = sphere(members_of(strategy))
        with pytest.raises(FitnessError):
            strategy.tell(np.full(self.population_size, np.nan))
        strategy.tell(fitness)
        assert_same_state(strategy.state(), train(untroubled, 1).state())

    def test_telling_does_not_change_the_fitness_told(self) -> None:
        strategy = self.build()
        fitness = sphere(members_of(strategy))
        kept = fitness.copy()
        strategy.tell(fitness)
        assert np.array_equal(fitness, kept)

    def test_equal_fitness_for_all_keeps_everything_finite(self) -> None:
        strategy = train(self.build(), 5, lambda members, _: np.zeros(len(members)))
        assert np.isfinite(strategy.mean).all()
        assert np.isfinite(members_of(strategy)).all()

    def test_the_population_is_read_only_float32_and_c_ordered(self) -> None:
        rows = members_of(self.build())
        assert rows.dtype == np.float32
        assert rows.shape == (self.population_size, self.dimension)
        assert rows.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            rows[0, 0] = 1.0

    def test_a_range_of_members_has_the_bits_of_the_whole_population(self) -> None:
        population, size = train(self.build(), 2).ask(), self.population_size
        whole = population.rows(0, size)
        assert len(population) == size
        for start, stop in [(0, 1), (1, 2), (3, 8), (4, 9), (size - 1, size), (0, size)]:
            assert population.rows(start, stop).tobytes() == whole[start:stop].tobytes()
            sent = np.asarray(population.members(start, stop))  # as they go to the workers
            assert sent.tobytes() == whole[start:stop].tobytes()

    def test_members_2i_and_2i_plus_1_mirror_one_another_if_the_strategy_says_so(self) -> None:
        strategy = train(self.build(), 3)
        members = members_of(strategy).astype(np.float64)
        mirrored = np.allclose((members[0::2] + members[1::2]) / 2, strategy.mean, atol=1e-6)
        assert mirrored == strategy.mirrored

    @pytest.mark.parametrize("size", [*range(2, 10), 32, 33])
    def test_a_population_size_is_refused_with_its_reason_or_works(self, size: int) -> None:
        reason = self.strategy.refuse_population_size(size)
        if reason is not None:
            assert reason.strip()
            return
        strategy = train(self.build(population_size=size), 3)
        assert len(strategy.ask()) == size
        assert np.isfinite(strategy.mean).all()

    def test_an_odd_population_is_refused_by_the_mirrored_and_only_by_them(self) -> None:
        assert (self.strategy.refuse_population_size(33) is not None) == self.strategy.mirrored
        assert self.strategy.refuse_population_size(32) is None

"""What is saved and restored goes on as if nothing had happened, at every point of the cycle."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.strategies.base import StrategyOrderError
from seedcast.services.master.strategies.contract.settings import (
    Settings,
    assert_same_state,
    members_of,
    sphere,
    through_a_checkpoint,
    train,
)


class SavedState(Settings):
    """Save, restore, go on."""

    @pytest.mark.parametrize("generations_before", [0, 1, 2, 3, 7, 25])
    def test_a_restored_search_equals_the_uninterrupted_one_bit_for_bit(self, generations_before: int) -> None:
        uninterrupted = train(self.build(), generations_before)
        restored = self.build()
        restored.restore(through_a_checkpoint(uninterrupted.state()))
        for _ in range(40):
            members = members_of(uninterrupted)
            assert members.tobytes() == members_of(restored).tobytes()
            uninterrupted.tell(sphere(members))
            restored.tell(sphere(members))
        assert_same_state(restored.state(), uninterrupted.state())

    def test_a_search_restored_in_every_generation_equals_the_uninterrupted_one_bit_for_bit(self) -> None:
        uninterrupted, restored = self.build(), self.build()
        for _ in range(15):
            state = through_a_checkpoint(restored.state())
            restored = self.build()
            restored.restore(state)
            train(restored, 1)
            train(uninterrupted, 1)
            assert_same_state(restored.state(), uninterrupted.state())

    def test_no_state_is_given_between_ask_and_tell(self) -> None:
        strategy = self.build()
        strategy.ask()
        with pytest.raises(StrategyOrderError, match=r"between ask\(\) and tell"):
            strategy.state()

    def test_a_population_that_was_never_told_is_asked_for_again_bit_for_bit(self) -> None:
        strategy = train(self.build(), 3)
        state = strategy.state()
        lost = members_of(strategy)
        for restored in (strategy, self.build()):
            restored.restore(state)
            assert members_of(restored).tobytes() == lost.tobytes()

    def test_restoring_forgets_what_happened_since(self) -> None:
        strategy = train(self.build(), 3)
        state = strategy.state()
        expected = members_of(strategy)
        strategy.tell(sphere(expected))
        train(strategy, 2).ask()
        strategy.restore(state)
        assert np.array_equal(members_of(strategy), expected)

    def test_a_state_does_not_change_once_taken(self) -> None:
        strategy = train(self.build(), 3)
        state = strategy.state()
        kept = {key: value.copy() for key, value in state.items()}
        restored = self.build()
        restored.restore(state)
        train(strategy, 3)
        train(restored, 3)
        assert_same_state(state, kept)

    def test_a_state_survives_a_checkpoint_with_shapes_and_types(self) -> None:
        state = train(self.build(), 3).state()
        assert_same_state(through_a_checkpoint(state), state)

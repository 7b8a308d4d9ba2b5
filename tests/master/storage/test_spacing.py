"""Large checkpoints are written seldom, and small ones always."""

from __future__ import annotations

from seedcast.services.master.storage.checkpoints import Checkpoint
from seedcast.services.master.storage.spacing import LARGE_BYTES, MOST_GENERATIONS, MOST_REPLAY_SECONDS, Spacing


def after(length: int) -> Spacing:
    return Spacing.after(Checkpoint(1, "00000001.safetensors", 1, length, "0" * 64))


def gaps(spacing: Spacing, master_seconds: float, results_bytes: int = 1000) -> int:
    """Return after how many generations the next checkpoint is due."""
    count = 1
    while not spacing.due(results_bytes, master_seconds):
        spacing.passed(master_seconds)
        count += 1
    return count


def test_the_first_checkpoint_follows_the_first_generation() -> None:
    assert gaps(Spacing.after(None), 0.0) == 1


def test_a_small_checkpoint_follows_every_generation_and_no_results_are_kept() -> None:
    assert gaps(after(LARGE_BYTES - 1), 0.0) == 1
    assert not after(LARGE_BYTES - 1).keeps_results(1)


def test_a_large_checkpoint_follows_so_many_generations_or_so_much_to_replay() -> None:
    assert gaps(after(LARGE_BYTES), 0.0) == MOST_GENERATIONS
    assert gaps(after(LARGE_BYTES), MOST_REPLAY_SECONDS / 3) == 4
    assert gaps(after(LARGE_BYTES), 2 * MOST_REPLAY_SECONDS) == 1


def test_results_that_are_no_smaller_than_a_checkpoint_do_not_stand_in_for_it() -> None:
    assert gaps(after(LARGE_BYTES), 0.0, results_bytes=LARGE_BYTES // 2) == 1

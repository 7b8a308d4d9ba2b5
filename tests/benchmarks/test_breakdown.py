"""Where a step's time goes."""

from __future__ import annotations

from benchmarks.breakdown import PARTS, microseconds_per_step, table
from benchmarks.throughput import JOBS, unit_of


def test_every_part_of_a_step_takes_time_and_stands_in_the_table() -> None:
    parts = microseconds_per_step(unit_of(JOBS["cartpole"], 0, 64))
    assert list(parts) == list(PARTS)
    assert all(spent > 0 for spent in parts.values())
    assert table([("CartPole", parts)]).count("\n") == 2

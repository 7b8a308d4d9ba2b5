"""Schedules of accidents from seeds: whatever happens, nothing is lost and nothing counts twice.

``SEEDCAST_SCHEDULES=5000 pytest tests/simulation`` plays more of them; see the package for how to replay one.
"""

from __future__ import annotations

import logging
import os

import pytest

from tests.simulation import schedules, virtual_fleet
from tests.simulation.calm import generations

SCHEDULES = int(os.environ.get("SEEDCAST_SCHEDULES", "40"))
PER_TEST = 10


def seeds(schedules: int) -> list[range]:
    return [range(first, min(first + PER_TEST, schedules)) for first in range(0, schedules, PER_TEST)]


@pytest.mark.parametrize("seeds", seeds(SCHEDULES), ids=str)
def test_the_scheduler_accounts_for_every_rollout_exactly_once(seeds: range) -> None:
    for seed in seeds:
        schedules.play(seed)


@pytest.mark.parametrize("seed", range(max(6, SCHEDULES // 20)))
def test_the_dispatcher_returns_what_one_worker_without_trouble_would(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    virtual_fleet.play(seed)


@pytest.mark.parametrize(
    ("slots", "rollouts", "seconds"), [(1, 64, (0.5, 1.5)), (1, 256, (0.05, 0.05)), (4, 256, (0.05, 0.2))]
)
def test_one_worker_of_four_ten_times_slower_hardly_delays_a_generation(
    slots: int, rollouts: int, seconds: tuple[float, float]
) -> None:
    calm = generations(4, slots, rollouts, seconds, count=8)[3:]
    slow = generations(4, slots, rollouts, seconds, {0: 10.0}, count=8)[3:]
    for usual, delayed in zip(calm, slow, strict=True):
        assert delayed.seconds <= 1.4 * usual.seconds  # three workers alone need 1.33
        assert delayed.extra_share <= 0.1


@pytest.mark.parametrize(("workers", "slots"), [(1024, 1), (8, 128)])
@pytest.mark.parametrize(("seconds", "least"), [((0.5, 1.5), 0.95), ((0.1, 0.2), 0.8)])
def test_a_thousand_slots_are_kept_busy(
    workers: int, slots: int, seconds: tuple[float, float], least: float
) -> None:
    first, second = generations(workers, slots, 4096, seconds, count=2)
    assert second.efficiency >= least, (first, second)


@pytest.mark.parametrize(("workers", "slots"), [(16, 64), (128, 8)])
@pytest.mark.parametrize(("seconds", "cold", "warm"), [((0.5, 1.5), 0.7, 0.85), ((0.1, 0.2), 0.7, 0.8)])
def test_a_master_that_takes_a_millisecond_for_a_request_keeps_its_slots_busy_from_the_first_generation_on(
    workers: int, slots: int, seconds: tuple[float, float], cold: float, warm: float
) -> None:
    first, second = generations(workers, slots, 4 * workers * slots, seconds, count=2, request_seconds=0.001)
    assert first.efficiency >= cold, first
    assert second.efficiency >= warm, second


@pytest.mark.parametrize(
    ("workers", "slots", "rollouts", "seconds"),
    [
        (4, 8, 2048, (0.001, 0.001)),
        (2, 4, 200, (0.008, 0.012)),
        (1, 8, 1024, (0.001, 0.003)),
        (2, 12, 384, (0.01, 0.01)),
    ],
)
def test_a_generation_that_is_over_in_a_moment_keeps_all_slots_busy(
    workers: int, slots: int, rollouts: int, seconds: tuple[float, float]
) -> None:
    for warm in generations(workers, slots, rollouts, seconds, count=5)[2:]:
        assert warm.efficiency >= 0.75, warm


def test_equal_seeds_play_the_same() -> None:
    lines: list[list[str]] = [[], []]
    for log in lines:
        schedules.play(14, log.append)
    assert lines[0] == lines[1]
    assert len(lines[0]) > 100

"""The schedules, as plain values."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from seedcast.services.master.strategies.schedules import (
    AnySchedule,
    Clock,
    CosineSpec,
    ExponentialSpec,
    LinearScheduleSpec,
    change,
    decayed,
    factor,
)


class Scheduled(BaseModel):
    schedule: AnySchedule = None


def factors(schedule: ExponentialSpec | LinearScheduleSpec | CosineSpec, *generations: int) -> list[float]:
    return [factor(schedule, Clock(generation)) for generation in generations]


def test_without_a_schedule_the_value_stays() -> None:
    assert [factor(None, Clock(0)), factor(None, Clock(10**6)), change(None, Clock(5), Clock(6))] == [
        1.0,
        1.0,
        1.0,
    ]


def test_exponential_decay_multiplies_in_each_generation_down_to_its_floor() -> None:
    assert factors(ExponentialSpec(decay=0.5, floor=0.2), 0, 1, 2, 3, 1000) == [1.0, 0.5, 0.25, 0.2, 0.2]


def test_exponential_decay_far_beyond_the_smallest_number_is_its_floor() -> None:
    assert factor(ExponentialSpec(decay=0.1, floor=0.01), Clock(10**7)) == 0.01


def test_the_linear_schedule_falls_in_equal_steps_and_stays_at_the_end() -> None:
    falling = factors(LinearScheduleSpec(generations=4, final=0.2), 0, 1, 2, 3, 4, 5, 10**7)
    assert falling == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2], rel=1e-15)


def test_the_cosine_schedule_starts_and_ends_flat_and_halves_in_the_middle() -> None:
    spec = CosineSpec(generations=4, final=0.5)
    ends = 0.25 * (1 + np.sqrt(0.5)), 0.25 * (1 - np.sqrt(0.5))
    assert factors(spec, 0, 1, 2, 3, 4, 9) == pytest.approx(
        [1.0, 0.5 + ends[0], 0.75, 0.5 + ends[1], 0.5, 0.5], rel=1e-12
    )


@pytest.mark.parametrize(
    "schedule",
    [
        ExponentialSpec(decay=0.9, floor=0.3),
        LinearScheduleSpec(generations=7),
        CosineSpec(generations=7),
        ExponentialSpec(decay=0.9, environment_steps=50, floor=0.3),
        CosineSpec(environment_steps=100),
    ],
)
def test_the_changes_of_all_generations_multiply_to_the_factor(
    schedule: ExponentialSpec | LinearScheduleSpec | CosineSpec,
) -> None:
    value = 1.0
    for generation in range(20):
        start, end = Clock(generation, 30 * generation), Clock(generation + 1, 30 * generation + 30)
        value *= change(schedule, start, end)
        assert value == pytest.approx(factor(schedule, end), rel=1e-12)


def test_counted_in_training_steps_generations_do_not_matter() -> None:
    linear, cosine = (
        LinearScheduleSpec(environment_steps=200, final=0.2),
        CosineSpec(environment_steps=200, final=0.5),
    )
    exponential = ExponentialSpec(decay=0.25, environment_steps=100, floor=0.1)
    for generation in (0, 3, 10**6):
        clocks = [Clock(generation, steps) for steps in (0, 50, 100, 200, 10**9)]
        assert [factor(linear, clock) for clock in clocks] == pytest.approx([1.0, 0.8, 0.6, 0.2, 0.2])
        assert [factor(cosine, clock) for clock in clocks[::2]] == pytest.approx([1.0, 0.75, 0.5])
        assert [factor(exponential, clock) for clock in clocks] == pytest.approx([1.0, 0.5, 0.25, 0.1, 0.1])


def test_a_number_decays_only_above_its_limit() -> None:
    assert decayed(0.5, 0.5, 0.2) == 0.25
    assert decayed(0.2, 0.5, 0.2) == 0.2


def test_each_of_several_numbers_decays_only_above_the_limit() -> None:
    assert decayed(np.array([0.5, 0.2, 0.1]), 0.5, 0.2).tolist() == [0.25, 0.2, 0.1]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, None),
        ({"name": "exponential", "decay": 0.9}, ExponentialSpec(decay=0.9)),
        ({"name": "linear", "generations": 5}, LinearScheduleSpec(generations=5)),
        ({"name": "cosine", "generations": 5, "final": 0.5}, CosineSpec(generations=5, final=0.5)),
    ],
)
def test_the_name_tells_the_schedules_apart(given: object, read: object) -> None:
    scheduled = Scheduled.model_validate({"schedule": given})
    assert scheduled.schedule == read
    assert Scheduled.model_validate_json(scheduled.model_dump_json()) == scheduled


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_a_final_share_however_small_is_reached_and_never_0(name: str) -> None:
    schedule = Scheduled.model_validate({"schedule": {"name": name, "generations": 3, "final": 1e-200}}).schedule
    assert factor(schedule, Clock(3)) == pytest.approx(1e-200, abs=0)
    assert change(schedule, Clock(3), Clock(4)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "exponential", "decay": 1.5},
        {"name": "exponential", "floor": 0},
        {"name": "linear"},
        {"name": "linear", "generations": 5, "environment_steps": 5},
        {"name": "exponential", "environment_steps": 0},
        {"name": "cosine", "generations": 0},
        {"name": "linear", "generations": 5, "decay": 0.9},
    ],
)
def test_a_schedule_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Scheduled.model_validate({"schedule": wrong})

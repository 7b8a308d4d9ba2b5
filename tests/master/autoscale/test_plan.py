"""The plan for an autoscaler, as plain values."""

from __future__ import annotations

import pytest

from seedcast.services.master.autoscale.plan import Limits, Planner

SAMPLE = {"hardcore": 256 * 16}
"""The 2019 sample's job: 256 members of 16 episodes."""


def planner(**limits: float) -> Planner:
    return Planner(Limits(**limits))  # type: ignore[arg-type]


def test_the_samples_job_asks_for_the_samples_thousand_cores() -> None:
    plan = planner(maximum=1000).plan(SAMPLE, 8, now=0.0)
    assert plan.desired_workers == 128
    assert plan.reason == "4096 rollouts a generation (hardcore) occupy 1024 slots, 8 a worker"


def test_nothing_running_asks_for_the_minimum() -> None:
    assert planner().plan({}, 4, now=0.0).desired_workers == 0
    assert planner(minimum=2).plan({}, 4, now=0.0).desired_workers == 2


def test_the_maximum_is_never_exceeded_and_the_reason_says_so() -> None:
    plan = planner(maximum=100).plan(SAMPLE, 1, now=0.0)
    assert plan.desired_workers == 100
    assert plan.reason.endswith("; 1024 workers are over the maximum")


def test_without_a_worker_to_ask_one_is_asked_for() -> None:
    made = planner()
    assert made.plan(SAMPLE, None, now=0.0).desired_workers == 1
    assert made.plan(SAMPLE, 64, now=5.0).desired_workers == 16


def test_a_plan_does_not_change_while_the_same_experiments_run() -> None:
    made = planner()
    slots_seen = [8, None, 2, 8, 4, None, 8]  # workers come and go, and not all are alike
    plans = {made.plan({"a": 256}, slots, now=100.0 * i).desired_workers for i, slots in enumerate(slots_seen)}
    assert plans == {8}


def test_experiments_add_up() -> None:
    assert planner().plan({"a": 64, "b": 32}, 4, now=0.0).desired_workers == 6


@pytest.mark.parametrize(("seconds", "desired"), [(0.0, 8), (119.0, 8), (121.0, 0), (1e6, 0)])
def test_a_plan_is_held_after_its_work_has_ended_and_then_let_go(seconds: float, desired: int) -> None:
    made = planner(hold_seconds=120.0)
    made.plan({"a": 256}, 8, now=1000.0)
    plan = made.plan({}, 8, now=1000.0 + seconds)
    assert plan.desired_workers == desired
    assert plan.reason.startswith("held for up to 120 s: 256 rollouts" if desired else "no experiment is running")


def test_a_gap_between_two_experiments_is_bridged() -> None:
    made = planner(hold_seconds=120.0)
    demands = [{"a": 256}, {}, {"b": 256}, {}, {"c": 256}]
    assert {made.plan(demand, 8, now=60.0 * i).desired_workers for i, demand in enumerate(demands)} == {8}


def test_more_work_counts_at_once_and_less_only_later() -> None:
    made = planner(hold_seconds=120.0)
    desired = [
        made.plan({"a": 64}, 4, now=0.0),
        made.plan({"a": 64, "b": 64}, 4, now=15.0),
        made.plan({"a": 64}, 4, now=30.0),
        made.plan({"a": 64}, 4, now=130.0),
        made.plan({"a": 64}, 4, now=136.0),
    ]
    assert [plan.desired_workers for plan in desired] == [4, 8, 8, 8, 4]

"""What the autoscalers of deploy/ make of the master's plan, by their published formulas."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from seedcast.services.master.settings import Settings as MasterSettings
from tests.deploy.autoscaling import (
    Autoscaler,
    Keda,
    Rules,
    Trace,
    at,
    for_total,
    for_utilisation,
    replicas_by_cpu,
    scale_downs,
)
from tests.deploy.tools import ROOT

FREE = Rules(0, (("Percent", 900, 15.0), ("Pods", 100, 15.0)))
AT_ONCE = Rules(0, (("Percent", 100, 15.0),))


def component(name: str) -> dict[str, Any]:
    text = (ROOT / "deploy" / "components" / name / "resources.yaml").read_text()
    kinds = ("HorizontalPodAutoscaler", "ScaledObject")
    (scaler,) = (document for document in yaml.safe_load_all(text) if document["kind"] in kinds)
    return dict(scaler["spec"])


def keda(maximum: int = 64) -> Keda:
    return Keda.of(component("autoscale-keda") | {"maxReplicaCount": maximum})


def always(value: int) -> Any:
    return lambda _current: value


def test_a_trace_holds_its_last_value_and_nothing_before_its_first() -> None:
    trace: Trace = [(10, 4), (20, None), (30, 2)]
    assert [at(trace, now) for now in (0, 10, 19.9, 20, 30, 1e9)] == [None, 4, 4, None, 2, 2]


@pytest.mark.parametrize(
    ("total", "current", "expected"), [(8, 4, 8), (8, 16, 8), (10, 10, 10), (21, 20, 20), (23, 20, 23)]
)
def test_a_total_is_shared_out_unless_it_is_within_the_tolerance(total: int, current: int, expected: int) -> None:
    assert for_total(total, 1, current) == expected


@pytest.mark.parametrize(("used", "expected"), [(1.2, 20), (0.6, 10), (0.65, 10), (0.67, 12), (0.3, 5), (0.0, 0)])
def test_utilisation_scales_in_proportion_unless_it_is_within_the_tolerance(used: float, expected: int) -> None:
    assert for_utilisation(used, 0.6, 10) == expected


def test_the_autoscaler_stays_within_its_bounds() -> None:
    assert Autoscaler(1, 8, FREE, AT_ONCE).step(0, 4, always(100)) == 8
    assert Autoscaler(2, 8, FREE, AT_ONCE).step(0, 4, always(0)) == 2


def test_the_autoscaler_is_off_at_zero() -> None:
    assert Autoscaler(1, 8, FREE, AT_ONCE).step(0, 0, always(5)) == 0


def test_scaling_up_is_limited_by_the_policy_that_allows_most() -> None:
    up = Rules(0, (("Percent", 100, 15.0), ("Pods", 4, 15.0)))
    autoscaler, seen = Autoscaler(1, 100, up, AT_ONCE), [1]
    for tick in range(5):
        seen.append(autoscaler.step(15 * tick, seen[-1], always(50)))
    assert seen == [1, 5, 10, 20, 40, 50]


def test_a_policys_period_counts_what_it_added_before() -> None:
    up = Rules(0, (("Pods", 4, 60.0),))
    autoscaler, seen = Autoscaler(1, 100, up, AT_ONCE), [1]
    for tick in range(5):
        seen.append(autoscaler.step(15 * tick, seen[-1], always(50)))
    assert seen == [1, 5, 5, 5, 5, 9]


def test_scaling_down_waits_until_every_recommendation_in_the_window_agrees() -> None:
    autoscaler, seen = Autoscaler(1, 100, FREE, Rules(60, (("Percent", 100, 15.0),))), [8]
    for tick, wanted in enumerate([8, 2, 2, 3, 2, 2, 2]):
        seen.append(autoscaler.step(15 * tick, seen[-1], always(wanted)))
    assert seen == [8, 8, 8, 8, 8, 8, 3, 3]


def test_rules_that_are_not_simulated_are_refused() -> None:
    with pytest.raises(ValueError, match="Min"):
        Rules.of({"selectPolicy": "Min", "policies": [], "stabilizationWindowSeconds": 0})
    with pytest.raises(ValueError, match="static"):
        Keda.of({"fallback": {"behavior": "static"}})


RUN: Trace = [(0, 0), (60, 32), (1800, 0)]
"""A plan as it ought to be: constant through a run, also between its generations."""


def test_a_run_gets_its_workers_within_a_minute_and_keeps_them() -> None:
    replicas = keda().replicas(RUN, until=3000)
    assert max(count for _, count in replicas) == 32
    assert next(time for time, count in replicas if count == 32) <= 60 + 60
    [down] = scale_downs(replicas)
    assert down >= 1800


def test_there_are_no_workers_five_minutes_after_the_last_run() -> None:
    replicas = keda().replicas(RUN, until=3000)
    assert replicas[-1][1] == 0
    assert replicas[-1][0] <= 1800 + 300


def test_the_held_plan_and_the_cool_down_are_less_than_five_minutes_together() -> None:
    settings = MasterSettings()
    assert settings.autoscale_hold_seconds + keda().cooldown + 2 * keda().polling < 300
    ended = 1800 + settings.autoscale_hold_seconds
    last, workers = keda().replicas([(0, 32), (ended, 0)], until=3000)[-1]
    assert workers == 0
    assert last <= 1800 + 300


def test_two_runs_in_a_row_keep_their_workers_in_between() -> None:
    trace: Trace = [(0, 32), (900, 0), (960, 32), (1900, 0)]
    [down] = scale_downs(keda().replicas(trace, until=3000))
    assert down >= 1900


def test_a_smaller_run_beside_a_larger_scales_down_once_when_the_larger_ends() -> None:
    trace: Trace = [(0, 40), (600, 8), (1200, 0)]
    larger, last = scale_downs(keda().replicas(trace, until=3000))
    assert 600 <= larger < 1200 <= last


def test_a_plan_that_drops_at_every_barrier_is_seen_through() -> None:
    """The worst plan: every 20 s, at a generation's end, it says for 6 s that nothing is wanted."""
    trace: list[tuple[float, int | None]] = []
    for generation in range(60):
        trace += [(20.0 * generation, 16), (20.0 * generation + 14, 0)]
    [down] = scale_downs(keda().replicas(trace, until=2000))
    assert down >= 1190


def test_the_workers_stay_while_the_master_moves() -> None:
    trace: Trace = [(0, 32), (600, None), (840, 32), (1800, 0)]
    [down] = scale_downs(keda().replicas(trace, until=3000))
    assert down >= 1800


def test_a_master_that_does_not_come_up_costs_one_worker_at_most() -> None:
    """Recent versions of KEDA fall back from zero, too; older ones start none."""
    replicas = keda().replicas([(0, None)], until=3000)
    assert max(count for _, count in replicas) == 1


def test_the_largest_number_is_kept() -> None:
    assert max(count for _, count in keda(maximum=8).replicas(RUN, until=900)) == 8


def cpu_of_a_run(now: float, workers: int) -> float:
    """Return the cores that a run keeps busy: for 14 of 20 s nearly all of four each, and then a barrier."""
    if now >= 1800:
        return 0.01 * workers
    return (0.98 if now % 20 < 14 else 0.05) * 4 * workers


def test_by_cpu_a_run_keeps_its_workers_across_barriers() -> None:
    spec = component("autoscale-cpu") | {"maxReplicas": 16}
    replicas = replicas_by_cpu(spec, cpu_of_a_run, cores_each=4, until=3000)
    assert max(count for _, count in replicas) == 16
    assert all(time >= 1800 for time in scale_downs(replicas))
    assert replicas[-1][1] == 1

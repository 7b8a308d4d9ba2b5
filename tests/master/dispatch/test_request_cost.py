"""What a request costs the master, by a clock of our own."""

from __future__ import annotations

import pytest

from seedcast.services.master.dispatch import request_cost
from seedcast.services.master.dispatch.request_cost import REQUESTS, RequestCost


class Clock:
    """CPU time that passes when told to."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


def test_a_cost_is_the_loops_time_and_that_of_encoding_for_each_request() -> None:
    clock = Clock()
    cost = RequestCost(clock)
    clock.now += 0.3
    for _ in range(REQUESTS - 1):
        cost.count(0.001)
    assert cost.look() is None  # too few
    cost.count(0.001)
    assert cost.look() == pytest.approx(0.3 / REQUESTS + 0.001)
    assert cost.look() is None


def test_a_newer_look_counts_more_than_all_before_it_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_cost, "REQUESTS", 1)
    clock = Clock()
    cost = RequestCost(clock)
    found = []
    for seconds in (0.004, 0.002, 0.002):
        clock.now += seconds
        cost.count(0.0)
        found.append(cost.look())
    assert found == pytest.approx([0.004, 0.003, 0.0025])

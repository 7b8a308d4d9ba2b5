"""The benchmark of the dispatcher runs, on a few slots that answer at once."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from benchmarks.scale import draw, generations, ideal, keyed, prices, written_out
from benchmarks.scale_workers import stub_fleet
from seedcast.services.master.dispatch.batch import MembersOf


@pytest.mark.parametrize("members", [keyed(40), written_out(40)], ids=["keys", "rows"])
def test_generations_on_simulated_slots_are_whole_and_measured(members: MembersOf) -> None:
    durations = draw(40, (0.001, 0.01))
    with stub_fleet(3, 2) as fleet:
        assert len(set(fleet.urls)) == 3
        runs = asyncio.run(generations(fleet, durations, members, 2))
        assert fleet.begun >= 80
    for run in runs:
        assert run.seconds >= run.ideal > 0
        assert 0 < run.requests <= 40
        assert run.cpu_seconds > 0
        assert run.workers_cpu_seconds >= 0
        assert run.extra >= 0
        assert len(run.line().split()) == 11


def test_a_slow_worker_is_slow() -> None:
    durations = draw(4, (0.01, 0.02))
    with stub_fleet(1, 1, [20.0]) as fleet:
        (run,) = asyncio.run(generations(fleet, durations, keyed(4), 1))
    assert run.seconds >= 20 * durations.sum() * 1e-6


def test_the_ideal_is_that_of_a_scheduler_that_fills_every_slot_at_once() -> None:
    assert ideal(np.array([3_000_000, 1_000_000, 1_000_000, 2_000_000], np.int32), 2) == pytest.approx(4.0)


def test_the_masters_client_is_priced_beside_bare_streams() -> None:
    costs = asyncio.run(prices(64))
    assert costs.keys() == {"bare asyncio streams", "the master's client"}
    assert min(costs.values()) > 0

"""Hedging, and units that fit their workers, by plain values."""

from __future__ import annotations

import pytest

from seedcast.services.master.scheduling.instructions import Send
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.protocol import Failure
from tests.master.scheduling.driver import Driver

LIMITS = Tuning(unit_seconds=1.0, minimum_unit_seconds=0.1, first_share=2.0)


def at_the_end(rollouts: int = 40) -> tuple[Driver, int, Send]:
    """Return a scheduler all of whose rollouts are done but those of one unit; each took 0.1 s."""
    scheduler = Driver(LIMITS)
    job = scheduler.add_job("a", rollouts)
    scheduler.worker_up("stuck", 1)
    (stuck,) = [send for send in scheduler.assign() if send.rollouts.start == 0]
    scheduler.worker_up("quick", 1)
    scheduler.worker_up("quick too", 1)
    queue = [send for send in scheduler.assign() if send.worker != "stuck"]
    scheduler.worker_up("stuck", 0)
    for unit, flight in list(scheduler.scheduler._units.items()):
        if flight.send.worker == "stuck" and unit != stuck.unit:
            scheduler.unit_lost(unit)
    while queue:
        send = queue.pop(0)
        scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
        queue += scheduler.assign()
    assert scheduler.done(job) == rollouts - len(stuck.rollouts)
    scheduler.worker_up("stuck", 1)
    return scheduler, job, stuck


def test_a_straggler_is_sent_to_another_worker_too_and_the_loser_is_cancelled() -> None:
    scheduler, job, stuck = at_the_end()
    scheduler.tick(0.5)
    assert scheduler.assign() == []  # it is not late yet
    scheduler.tick(2.0)
    (again,) = scheduler.assign()
    assert again.hedge
    assert again.worker.startswith("quick")
    assert again.rollouts == stuck.rollouts
    outcome = scheduler.unit_done(again.unit, 0.1 * len(again.rollouts))
    assert outcome.cancel == (stuck.unit,)
    assert outcome.complete
    assert scheduler.finished(job)
    assert not scheduler.unit_done(stuck.unit, 10.0).stored
    assert scheduler.late_replies == 1


def test_a_straggler_that_answers_first_wins() -> None:
    scheduler, _, stuck = at_the_end()
    scheduler.tick(2.0)
    hedges = scheduler.assign()
    outcome = scheduler.unit_done(stuck.unit, 2.0)
    assert outcome.complete
    assert outcome.counted == tuple(stuck.rollouts)
    assert outcome.cancel == tuple(send.unit for send in hedges)


def test_a_hedge_is_not_hedged_again_while_both_are_in_flight() -> None:
    scheduler, _, _ = at_the_end()
    scheduler.tick(2.0)
    assert scheduler.assign()
    scheduler.tick(100.0)
    assert scheduler.assign() == []


def test_hedges_keep_to_a_tenth_of_the_job() -> None:
    scheduler, _, stuck = at_the_end(rollouts=20)
    assert len(stuck.rollouts) > 2
    scheduler.tick(2.0)
    assert sum(len(send.rollouts) for send in scheduler.assign()) == 2


def test_nothing_is_hedged_while_there_is_other_work() -> None:
    scheduler, _, _ = at_the_end()
    scheduler.add_job("b", 10_000)
    scheduler.tick(1.9)
    scheduler.assign()
    scheduler.tick(2.0)
    assert scheduler.assign() == []  # no slot is idle


def test_of_a_hedged_unit_that_fails_twice_only_the_culprit_is_given_up_after_three_deaths() -> None:
    scheduler, job, stuck = at_the_end()
    scheduler.tick(2.0)
    queue, deaths = [stuck, *scheduler.assign()], 0
    poison, given_up = stuck.rollouts[0], dict[int, Failure]()
    while not scheduler.finished(job):
        send = queue.pop(0)
        size = len(send.rollouts)
        dies = poison in send.rollouts
        deaths += dies
        crash = [Failure(kind="crash", message="segmentation fault", rollouts=list(range(size)))] * dies
        given_up |= scheduler.unit_done(send.unit, 0.1 * size, crash).given_up
        queue += scheduler.assign()
    assert list(given_up) == [poison]
    assert deaths <= 3


def test_a_slow_worker_gets_smaller_units() -> None:
    _, sends = warm(slowness=5.0)
    sizes = {name: len(next(s for s in sends if s.worker == name).rollouts) for name in ("quick", "slow")}
    assert sizes["quick"] == pytest.approx(100, rel=Tuning().median_tolerance)  # 1 s
    assert 15 <= sizes["slow"] <= 25


def test_a_slow_worker_leaves_the_last_rollouts_to_others() -> None:
    scheduler = Driver(LIMITS)
    _, sends = warm(slowness=20.0, scheduler=scheduler)
    for send in sends:
        scheduler.unit_done(send.unit, (0.2 if send.worker == "slow" else 0.01) * len(send.rollouts))
    scheduler.remove_job(next(iter(scheduler.scheduler._jobs)))
    scheduler.add_job("a", 30)
    assert {send.worker for send in scheduler.assign()} == {"quick"}


def test_a_worker_whose_units_are_always_cancelled_is_known_to_be_slow() -> None:
    scheduler, _, stuck = at_the_end()
    scheduler.tick(2.0)
    for send in scheduler.assign():
        scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
    worker = scheduler.worker(stuck.worker)
    assert worker is not None
    assert worker.slowness > 1.5


def warm(slowness: float, scheduler: Driver | None = None) -> tuple[Driver, list[Send]]:
    """Let a quick and a slow worker become known; return what they have in flight then."""
    scheduler = scheduler or Driver(LIMITS)
    scheduler.add_job("a", 1_000_000)
    scheduler.worker_up("quick", 1)
    scheduler.worker_up("slow", 1)
    sends = scheduler.assign()
    for second in range(200):
        scheduler.tick(float(second))
        send = sends.pop(0)
        times = slowness if send.worker == "slow" else 1.0
        scheduler.unit_done(send.unit, 0.01 * times * len(send.rollouts))
        sends += scheduler.assign()
    return scheduler, sends


def test_units_whose_requests_wait_for_each_other_are_not_sent_twice_before_that_can_be_over() -> None:
    scheduler = Driver(
        Tuning(request_seconds=0.001, most_request_share=1e9, easy_request_share=1e9, start_share=1e9)
    )
    learning = scheduler.add_job("a", 8)
    scheduler.worker_up("w", 400, queue=0)
    for send in scheduler.assign():
        scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
    scheduler.remove_job(learning)
    scheduler.add_job("a", 400)
    sends = scheduler.assign()
    assert len(sends) == 400
    for send in sends[:300]:
        scheduler.unit_done(send.unit, 0.1)
    scheduler.worker_up("idle", 400, queue=0)
    scheduler.tick(0.35)  # 0.1 s for the rollout, 0.1 s for the 100 requests in flight: twice that is not over
    assert scheduler.assign() == []
    scheduler.tick(0.45)
    hedges = scheduler.assign()
    assert all(send.hedge for send in hedges)
    assert len(hedges) == 40, "a tenth of all"


def test_a_late_unit_of_several_slots_is_repeated_on_several_slots_by_one_request() -> None:
    scheduler = Driver(Tuning(request_seconds=0.05))
    job = scheduler.add_job("a", 256)
    scheduler.worker_up("w", 64, queue=0)
    while True:
        *done, late = scheduler.assign()
        if scheduler.done(job) + sum(len(send.rollouts) for send in (*done, late)) == 256:
            break
        for send in (*done, late):
            scheduler.unit_done(send.unit, 0.5 * len(send.rollouts))
    for send in done:
        scheduler.unit_done(send.unit, 0.5 * len(send.rollouts))
    assert late.slots > 1
    scheduler.worker_up("idle", 64, queue=0)
    scheduler.tick(60.0)
    (again,) = scheduler.assign()
    assert again.hedge
    assert (again.worker, again.slots) == ("idle", late.slots)
    assert len(again.rollouts) == min(len(late.rollouts), 25)

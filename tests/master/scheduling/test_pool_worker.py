"""Slow start, push-back, and being set aside, by plain values."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from seedcast.services.master.scheduling.instructions import Flight, Send
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.protocol import Failure
from tests.master.scheduling.driver import Driver


def fleet(*slots: int) -> Driver:
    """Return a scheduler with a lot to do and workers w0, w1, ..."""
    scheduler = Driver(Tuning(unit_seconds=1.0, minimum_unit_seconds=0.1))
    scheduler.add_job("a", 1_000_000)
    for number, count in enumerate(slots):
        scheduler.worker_up(f"w{number}", count)
    return scheduler


def answer(scheduler: Driver, sends: list[Send]) -> list[Send]:
    for send in sends:
        scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
    return scheduler.assign()


def test_a_new_worker_may_fill_its_slots_and_earns_its_queue() -> None:
    scheduler = fleet(16)
    sends, held = scheduler.assign(), []
    for _ in range(4):
        held.append(len(sends))
        sends = answer(scheduler, sends)
    assert held == [16, 22, 22, 22]


def test_units_of_several_slots_let_more_wait_behind_them_once_a_worker_has_answered_for_all() -> None:
    worker = PoolWorker("w", 0)
    worker.resize(16, 32)
    worker.depart(Flight(Send(1, 0, range(16), "w", slots=4), 0.0, 0.0))
    assert worker.places == 6  # 0.42 of its slots
    worker.succeed(16)
    assert worker.places == 12  # 0.8: the four do not tell before the slowest of them is done
    worker.land(Flight(Send(1, 0, range(16), "w", slots=4), 0.0, 0.0), 1.0)
    assert worker.places == 6
    worker.resize(16, 8)
    worker.depart(Flight(Send(2, 0, range(16), "w", slots=4), 1.0, 1.0))
    assert worker.places == 8  # it has no more


def test_the_least_loaded_worker_is_next() -> None:
    scheduler = Driver()
    for name, slots in (("w0", 4), ("w1", 2)):
        scheduler.worker_up(name, slots)
    scheduler.add_job("a", 1_000_000)
    assert [send.worker for send in scheduler.assign()] == ["w0", "w1", "w0", "w0", "w1", "w0"]


def test_a_worker_that_pushes_back_is_left_alone_for_as_long_as_it_says_and_gets_less() -> None:
    scheduler = fleet(8)
    sends = scheduler.assign()
    for _ in range(3):
        sends = answer(scheduler, sends)
    assert len(sends) == 11
    for send in sends[6:]:
        assert scheduler.unit_refused(send.unit, 5.0).retried == 0
    scheduler.tick(4.9)
    scheduler.unit_done(sends[0].unit, 0.1)
    assert scheduler.assign() == []
    scheduler.tick(5.0)
    assert len(scheduler.assign()) == 1  # it holds five, and six is what it had room for


def test_a_refused_unit_is_no_loss() -> None:
    scheduler = Driver()
    job = scheduler.add_job("a", 1)
    scheduler.worker_up("full", 1)
    for second in range(50):
        scheduler.tick(float(second))
        (send,) = scheduler.assign()
        assert not scheduler.unit_refused(send.unit, 1.0).given_up
    scheduler.tick(50.0)
    (send,) = scheduler.assign()
    assert scheduler.unit_done(send.unit, 1.0).complete
    assert scheduler.finished(job)


def test_a_worker_that_keeps_losing_units_is_set_aside_for_longer_and_longer() -> None:
    scheduler = fleet(1, 1)
    now, tries = 0.0, list[float]()
    while now < 60:
        scheduler.tick(now)
        for send in scheduler.assign():
            if send.worker == "w0":
                tries.append(now)
                scheduler.unit_lost(send.unit)
            else:
                scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
        now = round(now + 0.25, 2)
    gaps = [round(after - before) for before, after in pairwise(tries)]
    assert gaps == [0, 1, 2, 4, 8, 16]
    worker = scheduler.worker("w0")
    assert worker is not None
    assert worker.rest_until > now


def test_units_lost_together_count_as_one_trouble() -> None:
    scheduler = fleet(8, 8)
    sends = answer(scheduler, scheduler.assign())
    for number, send in enumerate(sends):
        if send.worker == "w0":
            scheduler.tick(0.001 * (number + 1))
            scheduler.unit_lost(send.unit)
    assert "w0" in {send.worker for send in scheduler.assign()}


def test_a_worker_that_fails_whatever_it_gets_is_set_aside_but_never_the_only_one() -> None:
    for others in (0, 1):
        scheduler = fleet(1, *[1] * others)
        sends = scheduler.assign()
        scheduler.unit_done(sends.pop().unit, 0.1)  # something has worked
        for step in range(1, 9):
            scheduler.tick(0.01 * step)
            for send in [*sends, *scheduler.assign()]:
                every = list(range(len(send.rollouts)))
                failures = [Failure(kind="exception", message="no", rollouts=every)] * (send.worker == "w0")
                scheduler.unit_done(send.unit, 0.1, failures)
            sends = []
        worker = scheduler.worker("w0")
        assert worker is not None
        assert (worker.rest_until > 0.0) == (others > 0)


def test_a_job_whose_last_rollout_is_given_up_with_its_worker_is_complete() -> None:
    scheduler = Driver()
    job = scheduler.add_job("a", 1)
    outcomes = []
    for second in range(20):
        scheduler.tick(100.0 * second)
        scheduler.worker_up("w", 1)
        scheduler.assign()
        outcomes += scheduler.worker_down("w")
        if scheduler.finished(job):
            break
    assert outcomes[-1].complete
    assert "was lost" in outcomes[-1].given_up[0].message


def test_removing_a_job_cancels_what_is_in_flight() -> None:
    scheduler = fleet(2)
    sends = scheduler.assign()
    assert scheduler.remove_job(sends[0].job) == tuple(send.unit for send in sends)
    worker = scheduler.worker("w0")
    assert worker is not None
    assert (worker.taken, scheduler.scheduler._units) == (0, {})


def test_units_in_the_midst_of_a_generation_take_several_slots_only_where_single_ones_were_too_many_requests() -> (
    None
):
    for workers, seconds, wide in ((64, 1.0, False), (64, 0.1, True), (4, 0.1, False)):
        scheduler = warm(workers, 16, 4 * workers * 16, seconds)
        sends = scheduler.assign()
        if not wide:  # what begins a generation may be
            sends = [again for send in sends[: workers // 2] for again in finish(scheduler, send, seconds)]
        slots = {send.slots for send in sends}
        assert (max(slots) > 1) == wide, (workers, seconds, slots)
        assert all(send.slots <= len(send.rollouts) for send in sends)
        if wide:
            taken = Counter[str]()
            for send in sends:
                taken[send.worker] += send.slots
            assert all(16 <= count <= 16 + 6 + max(slots) for count in taken.values())


def finish(scheduler: Driver, send: Send, seconds: float) -> list[Send]:
    scheduler.unit_done(send.unit, seconds * len(send.rollouts))
    return scheduler.assign()


def warm(workers: int, slots: int, rollouts: int, seconds: float, queue: int | None = None) -> Driver:
    """Return a scheduler that knows its workers and what a rollout takes, with that much to do."""
    scheduler = Driver()
    learning = scheduler.add_job("a", 100_000)
    for number in range(workers):
        scheduler.worker_up(f"w{number}", slots, queue=queue)
    for _ in range(8):
        for send in scheduler.assign():
            scheduler.unit_done(send.unit, seconds * len(send.rollouts))
    scheduler.remove_job(learning)
    scheduler.add_job("a", rollouts)
    return scheduler


def test_a_worker_counts_the_slots_that_its_units_take_and_runs_the_first_that_fit() -> None:
    worker = PoolWorker("w", 0)
    worker.resize(8, 16)
    flights = []
    for unit, slots in enumerate((4, 4, 4)):
        flights.append(Flight(Send(unit, 0, range(slots), "w", slots), 0.0, None if worker.full else 0.0))
        worker.depart(flights[-1])
    assert (worker.taken, worker.full, worker.load) == (12, True, 1.5)
    assert [flight.started for flight in flights] == [0.0, 0.0, None]
    worker.land(flights[0], 3.0)
    assert worker.taken == 8
    assert [flight.started for flight in flights] == [0.0, 0.0, 3.0]


def test_a_unit_of_which_a_slot_died_says_nothing_of_its_workers_pace() -> None:
    scheduler = warm(64, 16, 4096, 0.1)
    wide = next(send for send in scheduler.assign() if send.slots > 1)
    worker = scheduler.worker(wide.worker)
    assert worker is not None
    before = worker.slowness
    died = Failure(kind="timeout", message="the unit took longer than 60 s", rollouts=[0])
    outcome = scheduler.unit_done(wide.unit, 60.0, [died])
    assert len(outcome.counted) == len(wide.rollouts) - 1
    assert (worker.slowness, worker.troubles) == (before, 0)


def test_a_newcomer_is_given_no_more_slots_than_it_has_earned() -> None:
    scheduler = warm(64, 16, 16_384, 0.1)
    scheduler.worker_up("new", 16)
    sends = [send for send in scheduler.assign() if send.worker == "new"]
    assert sum(send.slots for send in sends) == 16  # and nothing in its queue


def test_a_worker_is_never_sent_more_than_its_queue_holds() -> None:
    for queue in (0, 1, 5, 40):
        scheduler = warm(64, 16, 4096, 0.1, queue)
        held = Counter[str]()
        for send in scheduler.assign():
            held[send.worker] += send.slots
        assert set(held.values()) <= set(range(16, 16 + queue + 1))


def test_a_worker_without_a_queue_is_pushed_back_once_and_then_sent_what_it_takes() -> None:
    scheduler = warm(64, 16, 4096, 0.1, 40)
    sends = [send for send in scheduler.assign() if send.worker == "w0"]
    scheduler.unit_refused(sends[-1].unit)  # it had less room than it said
    room = sum(send.slots for send in sends[:-1])
    for send in sends[:-1]:
        scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
    again = [send for send in scheduler.assign() if send.worker == "w0"]
    assert again
    assert sum(send.slots for send in again) <= room + 1

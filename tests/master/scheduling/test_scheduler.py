"""The scheduler by plain values: events in, instructions out."""

from __future__ import annotations

from collections import Counter

import pytest

from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.protocol import Failure
from tests.master.scheduling.driver import Driver

LIMITS = Tuning(unit_seconds=1.0, minimum_unit_seconds=0.1, first_share=2.0)


def crash(*rollouts: int) -> Failure:
    return Failure(kind="crash", message="segmentation fault", rollouts=list(rollouts))


def test_nothing_is_sent_without_workers() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 10)
    assert scheduler.assign() == []


def test_a_worker_gets_its_slots_and_one_more_so_that_no_slot_waits() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 1000)
    scheduler.worker_up("w", 4)
    assert len(scheduler.assign()) == 5
    assert scheduler.assign() == []


def test_no_unit_of_a_job_has_more_rollouts_than_it_may() -> None:
    scheduler = Driver(LIMITS)
    scheduler.worker_up("w", 4)
    for _ in range(2):  # without and with a known speed
        job = scheduler.add_job("a", 1000, most_rollouts=3)
        for _ in range(5):
            for send in scheduler.assign():
                assert len(send.rollouts) <= 3
                scheduler.unit_done(send.unit, 0.001)
        scheduler.remove_job(job)


def test_a_worker_with_no_slots_left_finishes_and_gets_nothing_new() -> None:
    scheduler = Driver(LIMITS)
    job = scheduler.add_job("a", 1000)
    scheduler.worker_up("w", 1)
    sends = scheduler.assign()
    scheduler.worker_up("w", 0)
    for send in sends:
        assert scheduler.unit_done(send.unit, 0.1).stored
    assert scheduler.assign() == []
    assert scheduler.done(job) == sum(len(send.rollouts) for send in sends)


def test_the_work_of_a_vanished_worker_is_sent_elsewhere() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 4)
    scheduler.worker_up("gone", 1)
    before = {rollout for send in scheduler.assign() for rollout in send.rollouts}
    scheduler.worker_down("gone")
    scheduler.worker_up("new", 4)
    after = scheduler.assign()
    assert {rollout for send in after for rollout in send.rollouts} >= before
    assert {send.worker for send in after} == {"new"}


def test_of_two_replies_for_the_same_rollouts_the_first_wins_and_the_second_is_dropped_and_counted() -> None:
    scheduler = Driver(LIMITS)
    job = scheduler.add_job("a", 1)
    scheduler.worker_up("slow", 1)
    (send,) = scheduler.assign()
    scheduler.worker_down("slow")
    scheduler.worker_up("quick", 1)
    (again,) = scheduler.assign()
    first = scheduler.unit_done(send.unit, 1.0)
    assert (first.counted, first.cancel, first.complete) == ((0,), (again.unit,), True)
    assert not scheduler.unit_done(again.unit, 1.0).stored
    assert scheduler.late_replies == 1
    assert scheduler.done(job) == 1


def test_a_reply_given_up_for_lost_counts_if_its_rollouts_still_wait() -> None:
    scheduler = Driver(LIMITS)
    job = scheduler.add_job("a", 1)
    scheduler.worker_up("slow", 1)
    (send,) = scheduler.assign()
    scheduler.worker_down("slow")
    assert scheduler.unit_done(send.unit, 1.0).stored
    assert scheduler.finished(job)
    scheduler.worker_up("quick", 1)
    assert scheduler.assign() == []


def test_an_environment_that_fails_everywhere_is_found_out_after_a_handful_of_units() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 4096)
    for worker in ("v", "w"):
        scheduler.worker_up(worker, 1)
    queue, units = scheduler.assign(), 0
    while True:
        send = queue.pop(0)
        units += 1
        if scheduler.unit_done(send.unit, 120.0, [crash(*range(len(send.rollouts)))]).hopeless:
            break
        queue += scheduler.assign()
    assert units <= 14  # at most four were out when the first came back, and three suspects run twice


def test_a_unit_that_takes_its_worker_down_every_time_is_run_alone_and_given_up_in_the_end() -> None:
    scheduler = Driver(LIMITS)
    job = scheduler.add_job("a", 3)
    scheduler.worker_up("w", 1)
    done, given_up = set[int](), dict[int, Failure]()
    queue = scheduler.assign()
    for second in range(100):
        if scheduler.finished(job):
            break
        scheduler.tick(60.0 * second)  # its worker is left alone for a while after each loss
        queue += scheduler.assign()
        send = queue.pop(0)
        if 1 in send.rollouts:
            given_up |= scheduler.unit_lost(send.unit).given_up
        else:
            scheduler.unit_done(send.unit, 0.1)
            done |= set(send.rollouts)
        queue += scheduler.assign()
    assert done == {0, 2}
    assert list(given_up) == [1]
    assert "lost 10 times" in given_up[1].message


def test_no_unit_is_planned_longer_than_the_job_allows() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 1000, most_seconds=0.2)
    scheduler.worker_up("w", 1)
    sends = scheduler.assign()
    for _ in range(20):
        send = sends.pop(0)
        scheduler.unit_done(send.unit, 0.05 * len(send.rollouts))
        sends += scheduler.assign()
    assert len(sends[-1].rollouts) == 4


def test_units_grow_to_the_target_duration_and_shrink_toward_the_end() -> None:
    scheduler = Driver(LIMITS)
    job = scheduler.add_job("a", 400)
    scheduler.worker_up("w", 1)
    sizes: list[int] = []
    queue = scheduler.assign()
    while not scheduler.finished(job):
        send = queue.pop(0)
        sizes.append(len(send.rollouts))
        scheduler.unit_done(send.unit, 0.02 * len(send.rollouts))
        queue += scheduler.assign()
    assert max(sizes) == 50  # 1 s at 20 ms a rollout
    assert 5 <= min(sizes[2:-1]) < 25  # 0.1 s, once the speed is known: smaller ones cost more than they save
    assert sum(sizes) == 400


def test_two_experiments_share_the_slots_evenly() -> None:
    scheduler = Driver(LIMITS)
    jobs = {scheduler.add_job(name, 10_000): name for name in "ab"}
    scheduler.worker_up("w", 10)
    shares = Counter(jobs[send.job] for send in scheduler.assign())
    assert shares == {"a": 7, "b": 7}


def test_slots_go_to_experiments_by_their_shares() -> None:
    scheduler = Driver(LIMITS)
    jobs = {scheduler.add_job(name, 10_000, share=share): name for name, share in (("a", 3.0), ("b", 1.0))}
    scheduler.worker_up("w", 8, queue=0)
    assert Counter(jobs[send.job] for send in scheduler.assign()) == {"a": 6, "b": 2}


def test_one_slot_is_lent_by_turns_as_the_shares_say() -> None:
    scheduler = Driver(LIMITS)
    jobs = {scheduler.add_job(name, 100_000, share=share): name for name, share in (("a", 3.0), ("b", 1.0))}
    scheduler.worker_up("w", 1, queue=0)
    served: Counter[str] = Counter()
    sends = scheduler.assign()
    for _ in range(200):
        served.update(jobs[send.job] for send in sends)
        for send in sends:
            scheduler.unit_done(send.unit, 1.0)
        sends = scheduler.assign()
    assert 2.8 <= served["a"] / served["b"] <= 3.2


def test_a_share_that_is_changed_earns_no_credit_and_owes_nothing() -> None:
    scheduler = Driver(LIMITS)
    before = {name: scheduler.add_job(name, 100_000, share=share) for name, share in (("a", 3.0), ("b", 1.0))}
    scheduler.worker_up("w", 3)
    for _ in range(100):
        for send in scheduler.assign():
            scheduler.unit_done(send.unit, 1.0)
    for job in before.values():
        scheduler.remove_job(job)
    scheduler.worker_up("w", 0)
    jobs = {scheduler.add_job(name, 100_000): name for name in before}
    scheduler.worker_up("w", 4, queue=0)
    assert Counter(jobs[send.job] for send in scheduler.assign()) == {"a": 2, "b": 2}


@pytest.mark.parametrize("slots", [1, 2], ids=["back last", "side by side"])
def test_what_an_experiment_has_had_long_ago_does_not_keep_it_waiting(slots: int) -> None:
    scheduler = Driver(LIMITS)
    scheduler.worker_up("w", slots, queue=0)
    old = scheduler.add_job("old", 100_000)
    slow = scheduler.add_job("slow", 100_000) if slots == 2 else None  # it keeps one slot for all the time
    for _ in range(300):
        for send in scheduler.assign():
            if send.job == old:
                scheduler.unit_done(send.unit, 1.0)
    if slow is None:  # all are paused, and come back in another order
        scheduler.remove_job(old)
    for name in ("new", "newer"):
        scheduler.add_job(name, 100_000)
    old = scheduler.add_job("old", 100_000) if slow is None else old
    served: Counter[bool] = Counter()
    for _ in range(60):
        for send in scheduler.assign():
            if send.job != slow:
                served[send.job == old] += 1
                scheduler.unit_done(send.unit, 1.0)
    assert served[True] >= served[False] / 4


def test_a_short_generation_waits_for_a_unit_of_another_experiment_and_not_for_one_of_each() -> None:
    scheduler = Driver(LIMITS)
    scheduler.worker_up("w", 1, queue=0)
    for name in ("one", "another", "third"):
        scheduler.add_job(name, 100_000)
    short, generations, others = scheduler.add_job("short", 1), 0, 0
    while others < 60:
        for send in scheduler.assign():
            others += send.job != short
            scheduler.unit_done(send.unit, 0.05 * len(send.rollouts))
        if scheduler.finished(short):
            generations += 1
            scheduler.remove_job(short)
            short = scheduler.add_job("short", 1)
    assert generations >= 50


def test_what_the_first_units_of_experiments_take_is_no_guess_that_keeps_some_waiting() -> None:
    scheduler = Driver(LIMITS)
    scheduler.worker_up("w", 2, queue=2)
    jobs = {scheduler.add_job(f"e{number}", 4): f"e{number}" for number in range(10)}
    generations = Counter(jobs.values())
    while sum(generations.values()) < 60:
        for send in scheduler.assign():
            scheduler.unit_done(send.unit, 0.01 * len(send.rollouts))
        for job in [job for job in jobs if scheduler.finished(job)]:
            generations[name := jobs.pop(job)] += 1
            scheduler.remove_job(job)
            jobs[scheduler.add_job(name, 4)] = name
    assert min(generations.values()) >= 4


def test_an_experiment_that_was_away_earns_no_credit() -> None:
    scheduler = Driver(LIMITS)
    busy = scheduler.add_job("busy", 10_000)
    scheduler.worker_up("w", 1)
    sends = scheduler.assign()
    for _ in range(50):
        scheduler.unit_done(sends.pop(0).unit, 1.0)
        sends += scheduler.assign()
    scheduler.add_job("new", 10_000)
    served: Counter[bool] = Counter()
    for _ in range(20):
        scheduler.unit_done(sends.pop(0).unit, 1.0)
        fresh = scheduler.assign()
        served.update(send.job == busy for send in fresh)
        sends += fresh
    assert 9 <= served[True] <= 11


def test_a_unit_that_was_lost_while_it_waited_for_a_slot_has_used_none_up() -> None:
    scheduler = Driver(LIMITS)
    jobs = {scheduler.add_job(name, 1000): name for name in ("a", "b")}
    scheduler.worker_up("gone", 1)
    worked, waited = (jobs[send.job] for send in scheduler.assign())
    assert worked != waited
    scheduler.tick(6.0)
    scheduler.worker_down("gone")
    scheduler.worker_up("here", 1)
    assert jobs[scheduler.assign()[0].job] == waited


def test_tests_wait_for_training_of_the_same_experiment() -> None:
    scheduler = Driver(LIMITS)
    test = scheduler.add_job("a", 100, background=True)
    training = scheduler.add_job("a", 6)
    scheduler.worker_up("w", 8)
    order = [send.job for send in scheduler.assign()]
    assert order.index(test) > max(index for index, job in enumerate(order) if job == training)


def test_rollouts_of_a_crashed_unit_are_run_alone_and_only_the_culprit_is_given_up() -> None:
    scheduler = Driver(LIMITS)
    job = scheduler.add_job("a", 8)
    for worker in ("v", "w"):
        scheduler.worker_up(worker, 1)
    poison, given_up, deaths = 1, dict[int, Failure](), 0
    queue = scheduler.assign()
    while not scheduler.finished(job):
        send = queue.pop(0)
        failures = [crash(*range(len(send.rollouts)))] if poison in send.rollouts else []
        deaths += bool(failures)
        outcome = scheduler.unit_done(send.unit, 0.5, failures)
        given_up |= outcome.given_up
        assert outcome.hopeless is None
        queue += scheduler.assign()
    assert list(given_up) == [poison]
    assert deaths <= 3


def test_a_suspect_is_tried_on_another_worker() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 1)
    scheduler.worker_up("v", 1)
    (first,) = scheduler.assign()
    scheduler.worker_up("w", 1)
    scheduler.unit_done(first.unit, 0.5, [crash(0)])
    (second,) = scheduler.assign()
    assert second.worker == "w"


def test_a_job_that_fails_everywhere_is_hopeless_with_the_workers_message() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 100)
    scheduler.worker_up("w", 1)
    queue, replies = scheduler.assign(), 0
    while True:
        send = queue.pop(0)
        replies += 1
        outcome = scheduler.unit_done(send.unit, 0.1, [crash(*range(len(send.rollouts)))])
        if outcome.hopeless:
            break
        queue += scheduler.assign()
    assert outcome.hopeless.message == "segmentation fault"
    assert replies >= Tuning().hopeless_failures

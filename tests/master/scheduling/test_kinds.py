"""Jobs that may use one kind of worker only, by plain values."""

from __future__ import annotations

import itertools
import random

from seedcast.services.master.scheduling import events as ev
from seedcast.services.master.scheduling.instructions import Send
from seedcast.services.master.scheduling.tuning import Tuning
from tests.master.scheduling.driver import Driver
from tests.master.scheduling.invariants import check_places

LIMITS = Tuning(unit_seconds=1.0, minimum_unit_seconds=0.1, first_share=2.0)


def test_a_job_of_one_kind_leaves_workers_of_another_alone() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 100, kind="x")
    scheduler.worker_up("other", 8, "y")
    assert scheduler.assign() == []
    scheduler.worker_up("same", 2, "x")
    assert {send.worker for send in scheduler.assign()} == {"same"}


def test_a_job_of_any_kind_uses_all() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 100)
    scheduler.worker_up("w", 1, "x")
    scheduler.worker_up("v", 1, "y")
    assert {send.worker for send in scheduler.assign()} == {"w", "v"}


def test_jobs_of_two_kinds_and_of_none_run_side_by_side() -> None:
    scheduler = Driver(LIMITS)
    jobs = {scheduler.add_job(name, 40, kind=kind): kind for name, kind in (("a", "x"), ("b", "y"), ("c", None))}
    kinds = {"x1": "x", "x2": "x", "y1": "y"}
    for name, kind in kinds.items():
        scheduler.worker_up(name, 2, kind)
    sends = finish(scheduler, list(jobs))
    for send in sends:
        assert jobs[send.job] in (None, kinds[send.worker])
    assert {send.worker for send in sends if jobs[send.job] is None} > {"x1"}


def test_a_busy_kind_does_not_keep_idle_workers_of_another_from_work() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("long", 1, kind="x")
    scheduler.worker_up("x", 1, "x")
    assert len(scheduler.assign()) == 1
    scheduler.add_job("second", 1, kind="x")
    scheduler.worker_up("y", 1, "y")
    scheduler.add_job("third", 1, kind="y")
    assert [send.worker for send in scheduler.assign()] == ["y"]


def test_a_worker_without_the_objective_does_not_keep_its_like_from_queueing() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("anywhere", 1)
    scheduler.tell(ev.WorkerUp("plain", 1, "x"))
    assert [send.worker for send in scheduler.assign()] == ["plain"]
    scheduler.tell(ev.WorkerUp("able", 1, "x", offers=("objective",)))
    scheduler.tell(ev.JobAdded(9, "needy", 100, needs="objective"))
    assert [send.worker for send in scheduler.assign()] == ["able", "able"]


def test_a_worker_that_is_forgotten_counts_no_more() -> None:
    scheduler = Driver(LIMITS)
    job = scheduler.add_job("a", 1000)
    for name in ("gone", "stays"):
        scheduler.worker_up(name, 2, "x")
    scheduler.assign()
    check_places(scheduler.scheduler, job)
    scheduler.worker_down("gone", forget=True)
    check_places(scheduler.scheduler, job)


def test_a_straggler_is_hedged_only_to_a_worker_of_its_kind() -> None:
    for kind, expected in (("x", True), ("y", False)):
        scheduler = Driver(LIMITS)
        for name in ("stuck", "quick"):
            scheduler.worker_up(name, 1, "x")
        scheduler.add_job("a", 8, kind="x")
        queue = scheduler.assign()
        stuck = next(send for send in queue if send.worker == "stuck")
        scheduler.worker_up("stuck", 0, "x")
        queue = [send for send in queue if send.worker == "quick"]
        for flight in list(scheduler.scheduler._units.values()):
            if flight.send.worker == "stuck" and flight.send is not stuck:
                scheduler.unit_lost(flight.send.unit)
        while queue:
            send = queue.pop()
            scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
            queue += scheduler.assign()
        scheduler.worker_up("quick", 0, "x")
        scheduler.worker_up("new", 4, kind)
        scheduler.tick(10.0)
        hedged = [send.worker for send in scheduler.assign() if send.hedge]
        assert (hedged != []) == expected
        assert set(hedged) <= {"new"}


def test_a_suspect_runs_again_on_its_only_worker_though_there_are_others_of_another_kind() -> None:
    scheduler = Driver(LIMITS)
    job = scheduler.add_job("a", 1, kind="x")
    scheduler.worker_up("only", 1, "x")
    scheduler.worker_up("other", 4, "y")
    for _ in range(3):
        (send,) = scheduler.assign()
        assert send.worker == "only"
        scheduler.unit_lost(send.unit)
        scheduler.tick(scheduler.now + 100)
    (send,) = scheduler.assign()
    assert scheduler.unit_done(send.unit, 0.1).complete
    assert scheduler.finished(job)


def test_a_worker_that_comes_back_as_another_kind_gets_that_kinds_work() -> None:
    scheduler = Driver(LIMITS)
    scheduler.add_job("a", 10, kind="x")
    scheduler.worker_up("w", 1, "x")
    assert scheduler.assign()
    scheduler.worker_down("w")
    scheduler.worker_up("w", 1, "y")
    scheduler.tick(100.0)
    assert scheduler.assign() == []
    scheduler.add_job("b", 10, kind="y")
    assert {send.worker for send in scheduler.assign()} == {"w"}


def test_any_order_of_events_ends_with_every_rollout_settled_on_its_kind() -> None:
    for seed in range(25):
        chance = random.Random(seed)
        scheduler = Driver(LIMITS)
        kinds = {f"w{number}": chance.choice("xyz") for number in range(12)}
        wanted = [chance.choice([None, "x", "y", "z"]) for _ in range(4)]
        jobs = [scheduler.add_job(f"e{n}", chance.randint(1, 200), kind=kind) for n, kind in enumerate(wanted)]
        for name, kind in kinds.items():
            scheduler.worker_up(name, chance.randint(1, 4), kind)
        for kind in "xyz":  # so that none is missing
            scheduler.worker_up(kind, 1, kind)
        finish(scheduler, jobs, chance)
        assert all(scheduler.finished(job) for job in jobs)


def finish(scheduler: Driver, jobs: list[int], chance: random.Random | None = None) -> list[Send]:
    """Answer units until all is done, losing some on the way; return all sends."""
    chance, loses = chance or random.Random(0), chance is not None
    sends: list[Send] = []
    queue: list[Send] = []
    for step in itertools.count():
        assert step < 20_000
        scheduler.tick(step * 0.05)
        new = scheduler.assign()
        sends, queue = sends + new, queue + new
        for send in new:
            worker = scheduler.worker(send.worker)
            assert worker is not None
            assert scheduler.scheduler._jobs[send.job].spec.kind in (None, worker.kind)
        if all(scheduler.finished(job) for job in jobs):
            return sends
        if not queue:
            continue
        send = queue.pop(chance.randrange(len(queue)))
        if loses and chance.random() < 0.05:
            scheduler.unit_lost(send.unit)
        else:
            scheduler.unit_done(send.unit, 0.01 * len(send.rollouts))
        for job in jobs:
            check_places(scheduler.scheduler, job)
    raise AssertionError


def test_a_kind_that_is_slow_as_a_whole_does_not_leave_its_work_to_others() -> None:
    scheduler = Driver(LIMITS)
    for number in range(4):
        scheduler.worker_up(f"slow{number}", 8, "slow")
    for number in range(5):
        scheduler.worker_up(f"fast{number}", 8, "fast")
    learning = scheduler.add_job("a", 1000)
    for send in scheduler.assign():
        scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
    scheduler.remove_job(learning)
    for worker in scheduler.scheduler._pool.change_all():
        assert worker.answered
        worker.slowness = 5.0 if worker.kind == "slow" else 1.0  # that of a typical worker
    job = scheduler.add_job("a", 32, kind="slow")
    sends = scheduler.assign()
    assert {send.worker[:4] for send in sends} == {"slow"}
    for send in sends[1:]:
        scheduler.unit_done(send.unit, 0.5 * len(send.rollouts))
    assert scheduler.assign() == []
    scheduler.tick(60.0)
    assert [send.hedge for send in scheduler.assign()] == [True], "nor do they leave a straggler to others"
    assert not scheduler.finished(job)

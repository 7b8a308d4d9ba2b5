"""What the scheduler remembers stays bounded, however long the master runs."""

from __future__ import annotations

from seedcast.services.master.scheduling.pool import Pool
from seedcast.services.master.scheduling.tuning import Tuning
from tests.master.scheduling.driver import Driver

REMEMBERED = Tuning().known_experiments


def one_job(scheduler: Driver, experiment: str, now: float) -> None:
    """Run a job of eight rollouts to its end, each unit answered at once."""
    scheduler.tick(now)
    number = scheduler.add_job(experiment, 8)
    while not scheduler.finished(number):
        for send in scheduler.assign():
            scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
    scheduler.remove_job(number)


def test_a_group_holds_each_of_its_workers_once_however_much_they_have_done() -> None:
    scheduler = Driver()
    for number in range(8):
        scheduler.worker_up(f"w{number}", 4)
    for job in range(2000):
        one_job(scheduler, "one", 0.2 * job)
    (group,) = scheduler.scheduler._pool.groups.values()
    assert len(group.free) == group.totals.workers == 8
    assert abs(group.totals.speed - sum(worker.speed for worker in scheduler.scheduler._pool)) < 1e-9


def test_a_kind_that_is_gone_leaves_no_group_behind() -> None:
    pool = Pool(Tuning())
    for number in range(100):
        worker = pool.enter("w", number)
        worker.kind = f"kind-{number}"
        worker.resize(1, 1)
        assert list(pool.groups) == [worker.alike]
    pool.enter("w", 100).slots = 0
    assert not pool.groups


def test_a_worker_that_rests_is_remembered_once_and_free_when_its_rest_is_over() -> None:
    pool = Pool(Tuning())
    worker = pool.enter("w", 0)
    worker.resize(2, 2)
    for until in (10.0, 20.0):
        for _ in range(100):
            changed = pool.change("w")
            assert changed is worker
            worker.rest(until)
            assert not pool.groups
        assert len(pool._resting) == 1
        pool.tick(until - 1.0)
        assert not pool.groups
        pool.tick(until)
        assert [one for group in pool.groups.values() for *_, one in group.free] == [worker]


def test_experiments_long_gone_are_forgotten_and_those_between_two_generations_are_not() -> None:
    scheduler = Driver()
    scheduler.worker_up("w", 4)
    for number in range(REMEMBERED + 50):
        one_job(scheduler, f"experiment-{number}", 0.2 * number)
        one_job(scheduler, "steady", 0.2 * number + 0.1)
    known = scheduler.scheduler._experiments
    assert len(known) == REMEMBERED
    assert known["steady"].seconds is not None
    assert "experiment-0" not in known


def test_an_experiment_with_a_job_is_known_however_long_ago_it_began() -> None:
    scheduler = Driver(Tuning(known_experiments=2))
    scheduler.worker_up("w", 4)
    scheduler.add_job("long", 1_000_000)
    for number in range(10):
        one_job(scheduler, f"experiment-{number}", 0.2 * number)
    assert list(scheduler.scheduler._experiments) == ["long", "experiment-9"]

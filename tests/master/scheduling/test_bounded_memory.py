"""What the scheduler remembers stays bounded, however long the master runs."""

from __future__ import annotations

from seedcast.services.master.scheduling.pool import Pool
from seedcast.services.master.scheduling.tuning import Tuning
from tests.master.scheduling.driver import Driver

REMEMBERED = Tuning().absent_experiments


def one_job(scheduler: Driver, experiment: str, now: float) -> None:
    """Run a job of eight rollouts to its end, each unit answered at once."""
    scheduler.tick(now)
    number = scheduler.add_job(experiment, 8)
    while not scheduler.finished(number):
        for send in scheduler.assign():
            scheduler.unit_done(send.unit, 0.1 * len(send.rollouts))
    scheduler.remove_job(number)


def test_the_heap_of_free_workers_stays_in_proportion_to_the_workers() -> None:
    scheduler = Driver()
    for number in range(8):
        scheduler.worker_up(f"w{number}", 4)
    for job in range(2000):
        one_job(scheduler, "one", 0.2 * job)
    assert sum(map(len, scheduler.scheduler._pool._heaps.values())) <= 64 + 4 * 8


def test_a_worker_that_rests_is_remembered_once_and_free_when_its_rest_is_over() -> None:
    pool = Pool(Tuning())
    worker = pool.enter("w", 0)
    worker.resize(2, 2)
    for until in (10.0, 20.0):
        for _ in range(100):
            changed = pool.change("w")
            assert changed is worker
            worker.rest(until)
            assert pool.take_freest([""]) is None
        assert len(pool._rests) == 1
        pool.tick(until - 1.0)
        assert not pool.free_kinds
        pool.tick(until)
        assert pool.take_freest([""]) is worker


def test_experiments_long_gone_are_forgotten_and_those_between_two_generations_are_not() -> None:
    scheduler = Driver()
    scheduler.worker_up("w", 4)
    for number in range(REMEMBERED + 50):
        one_job(scheduler, f"experiment-{number}", 0.2 * number)
        one_job(scheduler, "steady", 0.2 * number + 0.1)
    assert len(scheduler.scheduler._speeds._estimates) <= REMEMBERED + 1
    assert len(scheduler.scheduler._shares._served) <= REMEMBERED + 1
    assert len(scheduler.scheduler._shares._in_flight) <= REMEMBERED + 1
    assert scheduler.scheduler._speeds.seconds("steady") is not None
    assert scheduler.scheduler._speeds.seconds("experiment-0") is None

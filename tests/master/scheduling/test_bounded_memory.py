"""What the ledger remembers stays bounded, however long the master runs."""

from __future__ import annotations

from services.master.scheduling.free_workers import FreeWorkers
from services.master.scheduling.pool_worker import PoolWorker
from services.master.scheduling.scheduler import MOST_ABSENT, Scheduler


def one_job(ledger: Scheduler, experiment: str, now: float) -> None:
    """Run a job of eight rollouts to its end, each unit answered at once."""
    ledger.tick(now)
    number = ledger.add_job(experiment, 8)
    while not ledger.finished(number):
        for send in ledger.assign():
            ledger.unit_done(send.unit, 0.1 * len(send.rollouts))
    ledger.remove_job(number)


def test_the_heap_of_free_workers_stays_in_proportion_to_the_workers() -> None:
    ledger = Scheduler()
    for number in range(8):
        ledger.worker_up(f"w{number}", 4)
    for job in range(2000):
        one_job(ledger, "one", 0.2 * job)
    assert sum(map(len, ledger._roster._free._heaps.values())) <= 64 + 4 * 8


def test_a_worker_that_rests_is_remembered_once_however_often_it_changes() -> None:
    free = FreeWorkers()
    worker = PoolWorker("w", 0, slots=2)
    worker.begin(2, 2, 1.0)
    worker.rest(10.0)
    for _ in range(100):
        free.update(worker, 0.0)
    assert len(free._resting) == 1
    assert not free.wake(9.0)
    assert free.wake(10.0)
    assert free.pop([""]) is worker
    worker.rest(20.0)
    free.update(worker, 11.0)
    assert free.wake(20.0)
    assert free.pop([""]) is worker


def test_experiments_long_gone_are_forgotten_and_those_between_two_generations_are_not() -> None:
    ledger = Scheduler()
    ledger.worker_up("w", 4)
    for number in range(MOST_ABSENT + 50):
        one_job(ledger, f"experiment-{number}", 0.2 * number)
        one_job(ledger, "steady", 0.2 * number + 0.1)
    assert len(ledger._speeds._estimates) <= MOST_ABSENT + 1
    assert len(ledger._shares._served) <= MOST_ABSENT + 1
    assert len(ledger._shares._in_flight) <= MOST_ABSENT + 1
    assert ledger._speeds.seconds("steady") is not None
    assert ledger._speeds.seconds("experiment-0") is None

"""What is learnt of durations from replies."""

from __future__ import annotations

import pytest

from seedcast.services.master.scheduling.experiment import Experiment
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.speeds import learn
from seedcast.services.master.scheduling.tuning import Tuning
from tests.master.scheduling.driver import Driver


def test_a_rollouts_duration_is_the_mean_over_a_generation_whatever_its_units_are() -> None:
    experiment, worker = Experiment(), PoolWorker("w", 0, slots=1)
    for rollouts, each in ((1, 1e-5), (10, 1.5e-5), (89, 2e-5)):  # moments: all of it is the experiment's doing
        learn(experiment, worker, rollouts, rollouts * each, of=100)
    assert experiment.seconds == pytest.approx((1 * 1e-5 + 10 * 1.5e-5 + 89 * 2e-5) / 100, rel=0.01)


def test_after_some_generations_the_last_one_tells_the_most() -> None:
    experiment, worker = Experiment(), PoolWorker("w", 0, slots=1)
    for each in (1e-5, 1e-5, 1e-5, 2e-5, 2e-5, 2e-5, 2e-5):
        for _ in range(10):
            learn(experiment, worker, 10, 10 * each, of=100)
    assert experiment.seconds == pytest.approx(2e-5, rel=0.05)


def test_a_unit_of_a_moment_says_little_of_its_workers_pace() -> None:
    experiment, worker = Experiment(), PoolWorker("w", 0, slots=1)
    learn(experiment, worker, 1000, 0.1, of=1000)
    learn(experiment, worker, 1, 0.002, of=1000)  # its fixed cost is twenty times that of a rollout
    assert worker.slowness < 1.1
    learn(experiment, worker, 4000, 0.8, of=1000)  # twice as slow, and it took a while
    assert worker.slowness > 1.2


def test_a_generation_that_is_over_in_a_moment_is_one_unit_for_each_slot() -> None:
    scheduler = Driver(Tuning(first_share=2.0))
    for name in ("v", "w"):
        scheduler.worker_up(name, 1)
    units = []
    for _ in range(3):
        job = scheduler.add_job("a", 4096)
        sends = scheduler.assign()
        units.append(len(sends))
        while not scheduler.finished(job):
            send = sends.pop(0)
            scheduler.unit_done(send.unit, 0.00002 * len(send.rollouts))
            more = scheduler.assign()
            units[-1] += len(more)
            sends += more
        scheduler.remove_job(job)
    assert units[1:] == [2, 2]


def test_nothing_waits_in_a_queue_toward_a_generations_end() -> None:
    tuning = Tuning(first_share=2.0)
    scheduler = Driver(tuning)
    for name in ("v", "w"):
        scheduler.worker_up(name, 1)
    teach = scheduler.add_job("a", 1000)
    for send in scheduler.assign():
        scheduler.unit_done(send.unit, 0.04 * len(send.rollouts))
    scheduler.remove_job(teach)
    for rollouts in (4, 20, 100):  # up to two seconds' work for each
        job = scheduler.add_job("a", rollouts)
        assert len(scheduler.assign()) == 2
        scheduler.remove_job(job)
    scheduler.add_job("a", 1000)
    assert len(scheduler.assign()) == 4

"""Experiments that share a fleet have units as large as their share allows: an engine steps many lanes at once."""

from __future__ import annotations

import pytest

from seedcast.services.master.scheduling.events import JobAdded
from seedcast.services.master.scheduling.experiment import Experiment
from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.placement import portion
from seedcast.services.master.scheduling.pool import Totals
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.sizing import unit_size
from seedcast.services.master.scheduling.tuning import Tuning
from tests.master.scheduling.driver import Driver


def job(experiment: Experiment, share: float = 1.0, kind: str | None = None) -> Job:
    return Job(JobAdded(0, "", 120, share=share, kind=kind), experiment)


@pytest.mark.parametrize(("others", "expected"), [(0, 1.0), (1, 0.5), (3, 0.25)])
def test_experiments_have_equal_portions(others: int, expected: float) -> None:
    jobs = [job(Experiment()) for _ in range(others + 1)]
    assert portion(jobs[0], jobs) == expected


def test_a_portion_goes_by_shares_and_counts_an_experiment_once_with_its_test() -> None:
    a, b = Experiment(), Experiment()
    one, test, other = job(a), job(a), job(b, share=3.0)
    assert portion(one, [one, test, other]) == 0.25
    assert portion(other, [one, test, other]) == 0.75


def test_an_experiment_that_wants_other_machines_takes_no_portion() -> None:
    one, other = job(Experiment(), kind="here"), job(Experiment(), kind="elsewhere")
    assert portion(one, [one, other]) == 1.0
    anywhere = job(Experiment())
    assert portion(one, [one, other, anywhere]) == 0.5
    assert portion(anywhere, [one, other, anywhere]) == 1 / 3


def test_units_are_as_large_as_the_portion_of_the_slots_asks_for() -> None:
    worker = PoolWorker("w", 0, Tuning())
    worker.resize(1, 2)
    worker.answered = True
    fleet, asked = Totals(workers=16, slots=16, idle_slots=0, speed=16.0), job(Experiment(seconds=0.02))
    sizes = [unit_size(asked, worker, fleet, Tuning(), part).rollouts for part in (1.0, 0.5, 0.25, 0.01)]
    assert sizes == [8, 15, 20, 100]


def test_ten_experiments_on_sixteen_slots_take_half_of_the_requests_each_that_one_alone_does() -> None:
    fleet = Driver()
    for number in range(16):
        fleet.worker_up(f"w{number}", 1)
    sent = {1: 0, 10: 0}
    for experiments in sent:
        for _ in range(3):  # the first ones tell how long a rollout takes
            waiting = {fleet.add_job(f"{experiments}-{one}", 120) for one in range(experiments)}
            sent[experiments] = 0
            while waiting:
                fleet.tick(fleet.now + 0.02)
                for send in fleet.assign():
                    sent[experiments] += 1
                    outcome = fleet.unit_done(send.unit, 0.02 * len(send.rollouts))
                    if outcome.complete and outcome.job is not None:
                        waiting.discard(outcome.job)
                        fleet.remove_job(outcome.job)
    assert sent[10] / 10 < sent[1] / 2

"""Experiments that share a fleet have units as large as their share allows: an engine steps many lanes at once."""

from __future__ import annotations

import math
from collections import deque

import pytest

from seedcast.services.master.scheduling.events import JobAdded
from seedcast.services.master.scheduling.experiment import Experiment
from seedcast.services.master.scheduling.instructions import Send
from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.neighbours import Neighbours
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


def test_one_that_wants_other_machines_waits_for_nobody() -> None:
    def known(seconds: float, share: float = 1.0, kind: str | None = None) -> Experiment:
        return Experiment(seconds=seconds, window=100, share=share, kind=kind)

    short, long, elsewhere = known(0.01), known(0.1, share=3.0), known(0.001, share=6.0, kind="elsewhere")
    neighbours = Neighbours.of([long, short, elsewhere])
    here = job(long, share=3.0, kind="here")
    assert neighbours.wait_of_others(here, speed=2.0) == pytest.approx(
        1.0 / 2 * 4 / 2
    )  # with a quarter of two slots
    anywhere = job(long, share=3.0)
    assert neighbours.wait_of_others(anywhere, speed=2.0) == pytest.approx(0.1 / 2 * 10 / 6 / 2)
    assert Neighbours.of([long]).wait_of_others(here, speed=2.0) == math.inf


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


def seconds_served(shares: dict[str, tuple[float, int, float]], workers: int, until: float) -> dict[str, float]:
    """Return the slots' seconds that experiments have got of workers with a slot each, which share nothing else.

    Each is (share, rollouts of a generation, seconds of a rollout), and begins a generation 20 ms after the last.
    """
    fleet = Driver()
    queues: dict[str, deque[tuple[Send, float]]] = {}
    for number in range(workers):
        fleet.worker_up(f"w{number}", 1)
        queues[f"w{number}"] = deque()
    names = {fleet.add_job(name, rollouts, share=share): name for name, (share, rollouts, _) in shares.items()}
    served, begins = dict.fromkeys(shares, 0.0), list[tuple[float, str]]()
    while fleet.now < until:
        for send in fleet.assign():
            queue, busy = queues[send.worker], len(send.rollouts) * shares[names[send.job]][2]
            queue.append((send, (queue[-1][1] if queue else fleet.now) + busy))
        ends = min((queue[0][1] for queue in queues.values() if queue), default=until)
        fleet.tick(min([ends, *(at for at, _ in begins)]))
        for name in [name for at, name in begins if at <= fleet.now]:
            names[fleet.add_job(name, shares[name][1], share=shares[name][0])] = name
        begins = [(at, name) for at, name in begins if at > fleet.now]
        for queue in queues.values():
            while queue and queue[0][1] <= fleet.now:
                send, _ = queue.popleft()
                name = names[send.job]
                busy = len(send.rollouts) * shares[name][2]
                served[name] += busy
                outcome = fleet.unit_done(send.unit, busy)
                if outcome.complete:
                    fleet.remove_job(send.job)
                    begins.append((fleet.now + 0.02, name))
    return served


@pytest.mark.parametrize("workers", [1, 2, 4, 16])
@pytest.mark.parametrize("small", [(40, 0.01), (200, 0.02), (200, 0.1)])
def test_one_with_much_to_queue_takes_no_more_than_its_share_from_those_with_little(
    workers: int, small: tuple[int, float]
) -> None:
    rollouts, seconds = small
    shares = {"large": (1.0, 4096, 0.05), "small": (1.0, rollouts, seconds)}
    served = seconds_served(shares, workers, until=200.0)
    alone = seconds_served({"small": shares["small"]}, workers, until=200.0)
    assert sum(served.values()) > 0.95 * 200.0 * workers
    if served["small"] < 0.7 * 100.0 * workers:  # it waits for a unit of the other's to end each time
        generation, undisturbed = (200.0 * rollouts * seconds / one["small"] for one in (served, alone))
        assert generation < 2 * undisturbed + Tuning().shared_unit_seconds + 2 * 0.05


@pytest.mark.parametrize("workers", [1, 2, 3, 16])
@pytest.mark.parametrize("shares", [(3.0, 1.0), (8.0, 1.0, 1.0), (1.0, 1.0, 1.0), (0.5, 1.0, 2.5, 4.0)])
def test_slots_are_lent_by_shares_however_few_they_are(workers: int, shares: tuple[float, ...]) -> None:
    wanted = {str(number): (share, 30_000, 0.05) for number, share in enumerate(shares)}
    served = seconds_served(wanted, workers, until=600.0)
    got = [seconds / sum(served.values()) for seconds in served.values()]
    assert got == pytest.approx([share / sum(shares) for share in shares], rel=0.1, abs=0.02)

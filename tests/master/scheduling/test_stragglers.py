"""Hedging, and units that fit their workers, by plain values."""

from __future__ import annotations

from services.master.scheduling.instructions import Limits, Send
from services.master.scheduling.scheduler import Scheduler
from shared.protocol import Failure

LIMITS = Limits(unit_seconds=1.0, minimum_unit_seconds=0.1, first_window=1.0)


def at_the_end(rollouts: int = 40) -> tuple[Scheduler, int, Send]:
    """Return a ledger all of whose rollouts are done but those of one unit; each took 0.1 s."""
    ledger = Scheduler(LIMITS)
    job = ledger.add_job("a", rollouts)
    ledger.worker_up("stuck", 1)
    (stuck,) = [send for send in ledger.assign() if send.rollouts.start == 0]
    ledger.worker_up("quick", 1)
    ledger.worker_up("quick too", 1)
    queue = [send for send in ledger.assign() if send.worker != "stuck"]
    ledger.worker_up("stuck", 0)
    for unit, flight in list(ledger._units.items()):
        if flight.send.worker == "stuck" and unit != stuck.unit:
            ledger.unit_lost(unit)
    while queue:
        send = queue.pop(0)
        ledger.unit_done(send.unit, 0.1 * len(send.rollouts))
        queue += ledger.assign()
    assert ledger.done(job) == rollouts - len(stuck.rollouts)
    ledger.worker_up("stuck", 1)
    return ledger, job, stuck


def test_a_straggler_is_sent_to_another_worker_too_and_the_loser_is_cancelled() -> None:
    ledger, job, stuck = at_the_end()
    ledger.tick(0.5)
    assert ledger.assign() == []  # it is not late yet
    ledger.tick(2.0)
    hedges = ledger.assign()
    assert hedges
    assert all(send.hedge and send.worker.startswith("quick") for send in hedges)
    assert [rollout for send in hedges for rollout in send.rollouts] == list(stuck.rollouts)
    outcomes = [ledger.unit_done(send.unit, 0.1 * len(send.rollouts)) for send in hedges]
    assert [outcome.cancel for outcome in outcomes] == [(), (stuck.unit,)]
    assert outcomes[-1].complete
    assert ledger.finished(job)
    assert not ledger.unit_done(stuck.unit, 10.0).stored
    assert ledger.late_replies == 1


def test_a_straggler_that_answers_first_wins() -> None:
    ledger, _, stuck = at_the_end()
    ledger.tick(2.0)
    hedges = ledger.assign()
    outcome = ledger.unit_done(stuck.unit, 2.0)
    assert outcome.complete
    assert outcome.counted == tuple(stuck.rollouts)
    assert outcome.cancel == tuple(send.unit for send in hedges)


def test_a_hedge_is_not_hedged_again_while_both_are_in_flight() -> None:
    ledger, _, _ = at_the_end()
    ledger.tick(2.0)
    assert ledger.assign()
    ledger.tick(100.0)
    assert ledger.assign() == []


def test_hedges_keep_to_a_tenth_of_the_job() -> None:
    ledger, _, stuck = at_the_end(rollouts=20)
    assert len(stuck.rollouts) > 2
    ledger.tick(2.0)
    assert sum(len(send.rollouts) for send in ledger.assign()) == 2


def test_nothing_is_hedged_while_there_is_other_work() -> None:
    ledger, _, _ = at_the_end()
    ledger.add_job("b", 10_000)
    ledger.tick(1.9)
    ledger.assign()
    ledger.tick(2.0)
    assert ledger.assign() == []  # no slot is idle


def test_of_a_hedged_unit_that_fails_twice_only_the_culprit_is_given_up_after_three_deaths() -> None:
    ledger, job, stuck = at_the_end()
    ledger.tick(2.0)
    queue, deaths = [stuck, *ledger.assign()], 0
    poison, given_up = stuck.rollouts[0], dict[int, Failure]()
    while not ledger.finished(job):
        send = queue.pop(0)
        size = len(send.rollouts)
        dies = poison in send.rollouts
        deaths += dies
        crash = [Failure(kind="crash", message="segmentation fault", rollouts=list(range(size)))] * dies
        given_up |= ledger.unit_done(send.unit, 0.1 * size, crash).given_up
        queue += ledger.assign()
    assert list(given_up) == [poison]
    assert deaths <= 3


def test_a_slow_worker_gets_smaller_units() -> None:
    _, sends = warm(slowness=5.0)
    sizes = {name: len(next(s for s in sends if s.worker == name).rollouts) for name in ("quick", "slow")}
    assert sizes["quick"] == 100  # 1 s
    assert 15 <= sizes["slow"] <= 25


def test_a_slow_worker_leaves_the_last_rollouts_to_others() -> None:
    ledger = Scheduler(LIMITS)
    _, sends = warm(slowness=20.0, ledger=ledger)
    for send in sends:
        ledger.unit_done(send.unit, (0.2 if send.worker == "slow" else 0.01) * len(send.rollouts))
    ledger.remove_job(next(iter(ledger._jobs)))
    ledger.add_job("a", 30)
    assert {send.worker for send in ledger.assign()} == {"quick"}


def test_a_worker_whose_units_are_always_cancelled_is_known_to_be_slow() -> None:
    ledger, _, stuck = at_the_end()
    ledger.tick(2.0)
    for send in ledger.assign():
        ledger.unit_done(send.unit, 0.1 * len(send.rollouts))
    worker = ledger.worker(stuck.worker)
    assert worker is not None
    assert worker.pace > 1.5


def warm(slowness: float, ledger: Scheduler | None = None) -> tuple[Scheduler, list[Send]]:
    """Let a quick and a slow worker become known; return what they have in flight then."""
    ledger = ledger or Scheduler(LIMITS)
    ledger.add_job("a", 1_000_000)
    ledger.worker_up("quick", 1)
    ledger.worker_up("slow", 1)
    sends = ledger.assign()
    for second in range(200):
        ledger.tick(float(second))
        send = sends.pop(0)
        times = slowness if send.worker == "slow" else 1.0
        ledger.unit_done(send.unit, 0.01 * times * len(send.rollouts))
        sends += ledger.assign()
    return ledger, sends

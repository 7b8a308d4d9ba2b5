"""What holds of a ledger after every event."""

from __future__ import annotations

from collections import Counter

from services.master.scheduling.scheduler import Scheduler


def check_places(ledger: Scheduler, number: int) -> None:
    """Check the ledger's invariant: every rollout is in exactly one place, and is counted there."""
    job = ledger._jobs[number]
    in_flight = Counter(rollout for flight in job.flights.values() for rollout in flight.send.rollouts)
    pending = Counter(rollout for rollouts in job.pending for rollout in rollouts)
    alone = Counter(rollout for rollout, _ in job.alone)
    for rollout in range(job.rollouts):
        assert in_flight[rollout] == job.copies[rollout] <= 2
        waits = pending[rollout] + alone[rollout]
        assert waits + (in_flight[rollout] > 0 and not job.settled[rollout]) + job.settled[rollout] == 1
    assert job.waiting == pending.total() + alone.total()
    assert job.done + job.given_up == sum(job.settled)
    assert job.hedged <= max(1, 0.1 * job.rollouts)
    for worker in ledger._roster:
        assert worker.taken == sum(flight.send.slots for flight in worker.flights.values())
        assert worker.wide == sum(flight.send.slots > 1 for flight in worker.flights.values())
    if not ledger._roster._stale:
        usable = [worker for worker in ledger._roster if worker.usable(ledger._now)]
        for kind in {None, *(worker.kind for worker in usable)}:
            idle = sum(worker.idle for worker in usable if kind in (None, worker.kind))
            assert ledger._roster.capacity(kind).idle == idle

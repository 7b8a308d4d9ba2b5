"""What holds of a scheduler after every event."""

from __future__ import annotations

from collections import Counter

from seedcast.services.master.scheduling.scheduler import Scheduler


def check_places(scheduler: Scheduler, number: int) -> None:
    """Check the scheduler's invariant: every rollout is in exactly one place, and is counted there."""
    job = scheduler._jobs[number]
    in_flight = Counter(rollout for flight in job.flights.values() for rollout in flight.send.rollouts)
    pending = Counter(rollout for rollouts in job.pending for rollout in rollouts)
    alone = Counter(rollout for rollout, _ in job.alone)
    for rollout in range(job.spec.rollouts):
        assert in_flight[rollout] == job.copies[rollout] <= 2
        waits = pending[rollout] + alone[rollout]
        assert waits + (in_flight[rollout] > 0 and not job.settled[rollout]) + job.settled[rollout] == 1
    assert job.waiting == pending.total() + alone.total()
    assert job.done + job.given_up == sum(job.settled)
    assert job.hedged <= max(1, 0.1 * job.spec.rollouts)
    for worker in scheduler._pool:
        assert worker.taken == sum(flight.send.slots for flight in worker.flights.values())
        assert worker.wide == sum(flight.send.slots > 1 for flight in worker.flights.values())
        assert worker.waiting == sum(flight.send.slots for flight in worker.queued.values())
        assert list(worker.queued.values()) == [f for f in worker.flights.values() if f.started is None]
    usable = [worker for worker in scheduler._pool if worker.usable(scheduler._now)]
    assert scheduler._pool.free_kinds == {worker.kind for worker in usable if worker.taken < worker.allowance}
    for kind in {None, *(worker.kind for worker in usable)}:
        of_kind = [worker for worker in usable if kind in (None, worker.kind)]
        totals = scheduler._pool.totals(kind)
        assert (totals.workers, totals.slots) == (len(of_kind), sum(worker.slots for worker in of_kind))
        assert totals.idle_slots == sum(worker.idle_slots for worker in of_kind)
        assert abs(totals.speed - sum(worker.speed for worker in of_kind)) < 1e-6

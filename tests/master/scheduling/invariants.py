"""What holds of a scheduler after every event."""

from __future__ import annotations

from collections import Counter

from seedcast.services.master.scheduling.pool import Totals
from seedcast.services.master.scheduling.pool_worker import PoolState
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
    assert all(one.flights.keys() <= scheduler._units.keys() for one in scheduler._jobs.values())
    for experiment in {one.experiment for one in scheduler._jobs.values()}:
        of_it = [one for one in scheduler._jobs.values() if one.experiment is experiment]
        assert experiment.in_flight == sum(len(one.flights) for one in of_it)
    for worker in scheduler._pool:
        flights = [flight for flight in scheduler._units.values() if flight.send.worker == worker.name]
        assert worker.taken == sum(flight.send.slots for flight in flights)
        assert worker.wide == sum(flight.send.slots > 1 for flight in flights)
        assert worker.waiting == sum(flight.send.slots for flight in worker.queued.values())
        assert list(worker.queued.values()) == [flight for flight in flights if flight.started is None]
    check_groups(scheduler)


def check_groups(scheduler: Scheduler) -> None:
    """Check that every usable worker is in its group, as it is now."""
    usable = [worker for worker in scheduler._pool if worker.state(scheduler._now) is PoolState.USABLE]
    groups = scheduler._pool.groups
    assert set(groups) == {one.alike for one in usable}
    for key, group in groups.items():
        alike = [one for one in usable if one.alike == key]
        free = [one for one in alike if one.taken < one.allowance]
        assert group.free == sorted((one.load, one.order, one) for one in free)
        parts = [Totals(1, one.slots, one.idle_slots, one.speed) for one in alike]
        totals = Totals()
        for part in parts:
            totals.add(part)
        assert abs(group.totals.speed - totals.speed) < 1e-6
        totals.speed = group.totals.speed
        assert group.totals == totals
    for job in scheduler._jobs.values():
        may = [one for one in usable if job.takes(*one.alike)]
        totals = scheduler._pool.totals(job)
        assert (totals.workers, totals.slots) == (len(may), sum(one.slots for one in may))
        assert totals.idle_slots == sum(one.idle_slots for one in may)
        assert abs(totals.speed - sum(one.speed for one in may)) < 1e-6

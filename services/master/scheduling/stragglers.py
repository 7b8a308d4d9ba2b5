"""Which units are stragglers, to be sent to another worker too.

This is a hedge (Dean and Barroso, "The tail at scale", 2013, https://doi.org/10.1145/2408776.2408794). The rule:
nothing of the job waits to be sent, and the unit has run for more than twice what its rollouts take the median
worker, its request's own wait for others included. At most a tenth of a job's rollouts (and always one) goes out a
second time, none a third time while two are in flight, and no suspect: that might cost two slots at once. A unit
of several slots is repeated on several, to spare requests.
"""

from __future__ import annotations

from seedcast.services.master.scheduling.instructions import Flight
from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.tuning import Tuning


def find_stragglers(job: Job, request_wait: float, now: float, tuning: Tuning) -> list[Flight]:
    """Return a job's stragglers, the latest at the end.

    ``request_wait`` is what the master takes for the requests in flight, in seconds: hundreds at once wait for
    each other, and to send them all to a second worker would make a late generation later.
    """
    seconds = job.experiment.seconds
    if seconds is None or job.waiting or hedges_left(job, tuning) <= 0:
        return []
    found: list[tuple[float, int]] = []
    for unit, flight in job.flights.items():
        age, expected = flight.age(now), seconds * flight.send.rounds
        if age > tuning.patience * (expected + request_wait) and job.repeatable(flight, 1):
            found.append((age / expected, unit))
    return [job.flights[unit] for _, unit in sorted(found)]


def latest_straggler(job: Job, tuning: Tuning) -> Flight | None:
    """Return the latest of a job's stragglers that may still be repeated."""
    while job.stragglers:
        if hedges_left(job, tuning) > 0 and job.repeatable(job.stragglers[-1], 1):
            return job.stragglers[-1]
        job.stragglers.pop()
    return None


def hedges_left(job: Job, tuning: Tuning) -> int:
    """Return how many more of a job's rollouts may be sent a second time."""
    return max(1, int(tuning.hedged_share * job.spec.rollouts)) - job.hedged

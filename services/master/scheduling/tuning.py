"""Every constant of the scheduler, each with its unit and its reason. The simulation sweeps them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """How the scheduler behaves. ``python -m tests.simulation worth`` measures what each rule gains."""

    # How large a unit is

    unit_seconds: float = 2.0
    """Seconds a unit should take: long enough to hide a request, short enough for a pod with 15 s to live."""
    shared_unit_seconds: float = 0.5
    """Seconds a unit may take, however short the generations are of others that wait for its slot."""
    minimum_unit_seconds: float = 0.2
    """Seconds: the end of a generation shrinks units no further: a request has its cost, too. Nor are they smaller
    than what fills an engine's lanes, where nobody waits for that (see `sizing`): walkers in units of 3, 5, 7, 10
    and 20 take 94, 72, 62, 55 and 53 µs a step. 40 of them on two slots, 600 steps at most, made 29,400 steps/s in
    units of 13, 9, 7 and the like, and 35,800 in one for each slot."""
    first_unit_rollouts: int = 4
    """Rollouts in a unit of an experiment whose rollouts nobody has timed yet."""
    timeout_share: float = 0.5
    """Units are planned for so much of a rollout's timeout at most, as a whole unit has to keep it."""
    tolerance: float = 1.5
    """Factor: a relative slowness within it counts as chance, and toward a generation's end a unit is so much less
    than a slot's share of what is left, so that one which takes so much longer is not waited for."""

    # For how many slots a unit is: a unit of several slots spares the master requests

    request_seconds: float = 0.001
    """Seconds of the master's time that a request costs, until that is measured: 0.8 to 1.1 ms on one core."""
    most_request_share: float = 0.6
    """Share of the master's time for requests, above which units take several slots whatever that costs."""
    easy_request_share: float = 0.3
    """Share of the master's time above which they do where the worker's queue has work for slots done first,"""
    covered_queue_share: float = 0.3
    """and they are no wider than so much of its queue."""
    first_fill_seconds: float = 0.2
    """Seconds within which all slots get something of an experiment whose rollouts nobody has timed yet. In the
    simulation of 16 x 64 slots and rollouts of 0.1 to 0.2 s it makes 81% of the ideal of 37%."""
    start_share: float = 0.1
    """Share of a unit's time within which slots that are idle at once, as a generation begins, get something."""

    # How much a worker holds

    first_share: float = 1.0
    """Share of its slots that a new worker may fill; each answer earns it more, and its queue. In the simulation
    a quarter made the first generation on 8 x 128 slots 13 to 41% longer; the queue at once made one on 4 x 1
    slots, one of them 10x slow, 2.7 times as long."""
    queue_share: float = 0.42
    """Share of its slots that a worker may have waiting in its queue, so that no slot waits for a request. In the
    simulation of 128 x 8, 16 x 64, 8 x 128 slots 0.35 made warm generations 1-4% longer (but the first one of
    128 x 64, 0.1-0.2 s, 7% shorter); 0.5 made none more than 1-2% shorter, and first ones up to 12% longer."""
    wide_queue_share: float = 0.8
    """The same of a worker that has answered for all of its slots, while it has units of several: it tells of none
    of their slots before the slowest is done, so that more of them run dry. In the simulation 0.42 here, too, made
    warm generations on 128 x 8 and 128 x 64 slots, 0.5-1.5 s, 2 to 8% longer; 1.0 made none shorter, and 1.3 those
    of 0.1-0.2 s a third longer."""
    usual_queue: int = 2
    """Units for a slot that a worker's queue holds where it does not say."""

    # Who has had what, as an experiment enters

    most_credit_seconds: float = 1.0
    """Seconds of slots (over its share) by which it may have had less than all others: between two generations it
    could have nothing, and a short one should be next; but absence earns no more."""
    away_seconds: float = 1.0
    """Seconds without a job, as between two generations, after which an experiment is reckoned with no more."""
    most_owed_seconds: float = 4.0
    """Seconds (the same) by which one may have had more than another: two long units. Without a limit one that has
    had an hour before waits for an hour of a newcomer's, where all have as much in flight."""

    # Who is left alone

    troubles_before_rest: int = 2
    """Units lost or failed in a row that set a worker aside: one may be bad luck."""
    rest_seconds: float = 1.0
    """Seconds it is set aside the first time; then twice as long, and so on,"""
    longest_rest_seconds: float = 30.0
    """Seconds, up to this: a worker that is well again should not be missed for long."""
    no_connection_rest_seconds: float = 1.0
    """Seconds a worker gets nothing that could not be connected to in time. Probes tell whether it is lost."""
    slow: float = 2.0
    """Relative slowness above which a worker leaves the last rollouts and stragglers to others."""

    # How durations are learnt

    slowness_weight: float = 0.3
    """Weight of the newest unit in a worker's relative slowness,"""
    telling_seconds: float = 0.2
    """if the unit took so many seconds; less if it was shorter: then its fixed cost tells on it."""
    median_every_seconds: float = 1.0
    """Seconds between two looks at what the median worker is,"""
    median_tolerance: float = 0.02
    """and by how much its relative slowness may differ from 1: setting it right touches every worker."""

    # Hedging: sending a straggler's rollouts to a second worker

    patience: float = 2.0
    """A unit is a straggler after so many times its expected duration, its request's own wait included."""
    hedged_share: float = 0.1
    """Share of a job's rollouts that may be sent a second time; always one."""
    look_every_seconds: float = 0.1
    """Seconds between two looks for stragglers."""

    # When a rollout is given up

    attempts_alone: int = 2
    """Failures on its own after which a rollout is given up: on two workers, where there are two,"""
    strikes: int = 3
    """or after so many failed units with it, the last of them on its own: three slots at most."""
    hopeless_failures: int = 3
    """A job whose first so many results are all failures is hopeless: its environment fails everywhere."""
    losses_together: int = 3
    """Losses of its unit (the worker went away under it) after which a rollout runs alone: it may kill."""
    losses_alone: int = 10
    """Losses, the last on its own, after which a rollout is given up. Mere bad luck does not get there."""

    # What is remembered

    known_experiments: int = 1_000
    """Experiments whose shares and durations are kept, if no more have a job: most are between two generations."""

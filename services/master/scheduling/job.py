"""A job: where each of its rollouts is, and in which state that leaves the job.

Every rollout is in exactly one place: *settled* (done or given up), *in flight* (in one unit, or in two where it
was hedged), *pending*, or *alone* (a suspect, to be run on its own).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from seedcast.services.master.scheduling.events import JobAdded
from seedcast.services.master.scheduling.experiment import Experiment
from seedcast.services.master.scheduling.instructions import Flight


class JobState(StrEnum):
    """What has come of a job so far.

    It follows from `Job.done` and `Job.given_up`, which only grow: unproven → running → complete, unproven →
    complete where one unit does it all, unproven → hopeless.
    """

    UNPROVEN = "unproven"
    """Nothing of it has worked yet, so its suspects go first."""
    RUNNING = "running"
    COMPLETE = "complete"
    """Every rollout is done or given up."""
    HOPELESS = "hopeless"
    """Its first rollouts were all given up: its environment fails everywhere."""


@dataclass
class Job:
    """A job and its rollouts, by number."""

    spec: JobAdded
    experiment: Experiment = field(default_factory=Experiment)
    pending: deque[range] = field(init=False)
    """Disjoint; in the order in which they will be sent."""
    waiting: int = field(init=False)
    """Rollouts to be sent: those in ``pending`` and in ``alone``."""
    alone: deque[tuple[int, str]] = field(default_factory=deque)
    """Suspects, each to be run alone, with the worker it failed on."""
    settled: bytearray = field(init=False)
    """1 for a rollout that is done or given up."""
    copies: bytearray = field(init=False)
    """In how many units in flight a rollout is."""
    flights: dict[int, Flight] = field(default_factory=dict)
    """By unit, oldest first."""
    stragglers: list[Flight] = field(default_factory=list)
    """Units that took too long when last looked at, the latest at the end (see `stragglers`)."""
    done: int = 0
    given_up: int = 0
    hedged: int = 0
    """Rollouts sent a second time while the first was in flight."""
    strikes: Counter[int] = field(default_factory=Counter)
    """Units with a rollout in them that failed on account of it, or perhaps of it."""
    strikes_alone: Counter[int] = field(default_factory=Counter)
    losses: Counter[int] = field(default_factory=Counter)
    """Units with a rollout in them that had no known outcome."""

    def __post_init__(self) -> None:
        self.pending = deque([range(self.spec.rollouts)])
        self.waiting = self.spec.rollouts
        self.settled = bytearray(self.spec.rollouts)
        self.copies = bytearray(self.spec.rollouts)

    @property
    def settled_count(self) -> int:
        """Rollouts done or given up."""
        return self.done + self.given_up

    def state(self, hopeless_failures: int) -> JobState:
        """Return what has come of it; hopeless are so many rollouts given up before one has worked."""
        if not self.done and self.given_up >= min(hopeless_failures, self.spec.rollouts):
            return JobState.HOPELESS
        if self.settled_count == self.spec.rollouts:
            return JobState.COMPLETE
        return JobState.RUNNING if self.done else JobState.UNPROVEN

    @property
    def suspects_first(self) -> bool:
        """Whether to find out about suspects before anything else."""
        return not self.done and bool(self.alone)

    def takes(self, kind: str, offers: frozenset[str]) -> bool:
        """Whether a worker of this kind that offers this may have any of it."""
        spec = self.spec
        return spec.kind in (None, kind) and (spec.needs is None or spec.needs in offers)

    def work_for(self, worker: str, alternatives: bool) -> bool:
        """Whether there is anything for a worker: a suspect is left to another one, if there are others."""
        if self.pending and not self.suspects_first:
            return True
        return any(failed_on != worker or not alternatives for _, failed_on in self.alone)

    def take_suspect(self, worker: str) -> range | None:
        """Take the suspect that is next, if it is time for one; rather one that failed elsewhere."""
        if not self.alone or (self.pending and not self.suspects_first):
            return None
        suspect = next((one for one in self.alone if one[1] != worker), self.alone[0])
        self.alone.remove(suspect)
        self.waiting -= 1
        return range(suspect[0], suspect[0] + 1)

    def take(self, size: int) -> range:
        """Take up to ``size`` pending rollouts that follow one another."""
        rollouts = self.pending.popleft()
        if len(rollouts) > size:
            self.pending.appendleft(rollouts[size:])
        rollouts = rollouts[:size]
        self.waiting -= len(rollouts)
        return rollouts

    def depart(self, flight: Flight) -> None:
        """Note a unit that is sent."""
        self.flights[flight.send.unit] = flight
        for rollout in flight.send.rollouts:
            self.copies[rollout] += 1
        self.hedged += len(flight.send.rollouts) if flight.send.hedge else 0
        self.experiment.in_flight += 1
        flight.expected = self.experiment.expected_seconds(flight.send)
        self.experiment.served += flight.expected / self.spec.share

    def charge(self, flight: Flight, seconds: float) -> None:
        """Note what the slots of a unit took, in place of what they were expected to."""
        if math.isfinite(seconds) and seconds >= 0:
            self.experiment.served += (seconds - flight.expected) / self.spec.share

    def land(self, unit: int) -> None:
        """Note a unit that is in flight no more, whatever became of it."""
        send = self.flights.pop(unit).send
        self.experiment.in_flight -= 1
        for rollout in send.rollouts:
            self.copies[rollout] -= 1

    def homeless(self, rollouts: Iterable[int]) -> list[int]:
        """Return those that are neither settled nor in flight: each has to be sent again or given up."""
        return [rollout for rollout in rollouts if not self.settled[rollout] and not self.copies[rollout]]

    def put_back(self, rollouts: list[int]) -> None:
        """Have rollouts sent again, before all others."""
        self.waiting += len(rollouts)
        self.pending.extendleft(reversed(_ranges(rollouts)))

    def suspect(self, rollout: int, worker: str, *, soon: bool) -> None:
        """Have a rollout that failed on a worker run alone; ``soon``: before the other suspects."""
        self.waiting += 1
        (self.alone.appendleft if soon else self.alone.append)((rollout, worker))

    def complete(self, rollouts: Iterable[int]) -> None:
        """Settle rollouts that have a result."""
        for rollout in rollouts:
            self.settled[rollout] = 1
            self.done += 1

    def give_up(self, rollouts: Iterable[int]) -> None:
        """Settle rollouts that will never have one."""
        for rollout in rollouts:
            self.settled[rollout] = 1
            self.given_up += 1

    def withdraw(self, rollouts: Iterable[int]) -> None:
        """Take rollouts out of what waits to be sent, where they do: a reply given up for lost has come."""
        wanted = set(rollouts)
        self.pending = deque(part for piece in self.pending for part in _without(piece, wanted))
        self.alone = deque(one for one in self.alone if one[0] not in wanted)
        self.waiting = sum(map(len, self.pending)) + len(self.alone)

    def repeatable(self, flight: Flight, most: int) -> range:
        """Return up to ``most`` neighbouring rollouts of a unit: in no other, not settled, and no suspects."""
        rollouts = flight.send.rollouts
        if self.waiting or flight.send.unit not in self.flights:
            return range(0)
        start = next((rollout for rollout in rollouts if self._in_one_unit(rollout)), rollouts.stop)
        stop = start
        while stop < min(rollouts.stop, start + most) and self._in_one_unit(stop):
            stop += 1
        return range(start, stop)

    def _in_one_unit(self, rollout: int) -> bool:
        return not self.settled[rollout] and self.copies[rollout] == 1 and not self.strikes[rollout]

    def useless(self) -> list[int]:
        """Return the units in flight all of whose rollouts are settled."""
        return [
            unit for unit, flight in self.flights.items() if all(self.settled[r] for r in flight.send.rollouts)
        ]


def _without(piece: range, unwanted: set[int]) -> list[range]:
    """Return what is left of a range; mostly all of it, at the price of a look."""
    if not any(rollout in piece for rollout in unwanted):
        return [piece]
    return _ranges([rollout for rollout in piece if rollout not in unwanted])


def _ranges(rollouts: list[int]) -> list[range]:
    """Join ascending numbers into ranges."""
    if not rollouts:
        return []
    breaks = [index for index, (a, b) in enumerate(pairwise(rollouts), 1) if b != a + 1]
    starts, stops = [0, *breaks], [*breaks, len(rollouts)]
    return [range(rollouts[i], rollouts[j - 1] + 1) for i, j in zip(starts, stops, strict=True)]

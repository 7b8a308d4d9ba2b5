"""Who shares the slots: a job that takes all of them for long leaves nothing to one that is soon done.

Between two generations an experiment has no job, and while a short one is in flight nothing that waits. Then fair
shares of what waits give it next to nothing beside one whose units take all slots, and their queues, for longer
than its generations last: 0.4%, where units of 2 s and as many in the queue met generations of 0.4 s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from seedcast.services.master.scheduling.experiment import Experiment
from seedcast.services.master.scheduling.job import Job


@dataclass(frozen=True)
class Neighbours:
    """The experiments that want slots, or did a moment ago."""

    soonest_done: tuple[Experiment, ...] = ()
    """Those whose generations are the shortest, each with its share of the slots, come first."""

    @classmethod
    def of(cls, experiments: Iterable[Experiment]) -> Neighbours:
        """Return how these stand to each other."""
        return cls(tuple(sorted(experiments, key=lambda one: one.generation_seconds / one.share)))

    def wait_of_others(self, job: Job, speed: float) -> float:
        """Return for how many seconds a job may take all slots, of this speed together, that others want as well.

        It is half of what the shortest of the others' generations takes with its share of the slots, and infinite
        where there is no other that may use the same machines, or none whose rollouts are timed.
        """
        wanted = job.spec.kind
        here = [one for one in self.soonest_done if wanted is None or one.kind in (None, wanted)]
        shortest = next((one for one in here if one is not job.experiment), None)
        if shortest is None:
            return math.inf
        part = shortest.share / sum(one.share for one in here)
        return shortest.generation_seconds / (part * max(speed, 1e-9)) / 2

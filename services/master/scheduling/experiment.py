"""An experiment, to the scheduler: what it has of the workers and has had, and how long its rollouts take.

Fair shares: next is the experiment that would have the fewest units in flight beyond its share of all that are; of
those that are equal but for parts of a unit, the one that has had the least time of slots for its share, so that
short units make up by their number, and small shares have their turns on few slots. A share is a weight: with 3 an
experiment gets three times as much as with 1. Within one experiment training goes before tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from seedcast.services.master.scheduling.instructions import Send


@dataclass(eq=False)
class Experiment:
    """What is known of an experiment, whether it has a job now or not."""

    in_flight: int = 0
    """Units."""
    served: float = 0.0
    """Seconds of slots that its units took, or are expected to, each divided by the share that it had then."""
    seconds: float | None = None
    """What a rollout takes the median worker; None: nobody knows yet."""
    averaged: int = 0
    """So many rollouts have been averaged,"""
    window: int = 0
    """or those of about the last generation, which had so many: the short ones come back first."""
    kind: str | None = None
    """The machines that it wants; None: any,"""
    share: float = 1.0
    """and its share of them, when it last began a job."""
    left: float = -math.inf
    """When it last had a job that it has no more: between two generations it has none."""

    @property
    def generation_seconds(self) -> float:
        """What its generations take of all slots, added up; infinite while nobody knows."""
        return math.inf if self.seconds is None else self.seconds * self.window

    def expected_seconds(self, send: Send) -> float:
        """Return what the slots of a unit are expected to take, added up; 0 while nobody knows."""
        return (self.seconds or 0.0) * len(send.rollouts)

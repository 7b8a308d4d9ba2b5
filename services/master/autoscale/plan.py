"""How many workers the running experiments can use: a plan for an autoscaler, decided without I/O.

CPU utilisation is a poor signal here. At the end of every generation the workers wait for the last rollouts, and
an autoscaler that sees them idle takes away what the next generation needs a moment later. The plan comes from the
specifications alone, so it does not change while an experiment runs, and it is held for a while after one ends.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What bounds the plan."""

    minimum: int = 0
    """Workers to keep when there is nothing to do."""
    maximum: int = 100
    """Workers never to exceed."""
    rollouts_per_slot: float = 4.0
    """Rollouts of a generation for each slot. With fewer, most slots wait for the longest rollout."""
    hold_seconds: float = 120.0
    """How long a plan is kept after the work that asked for it has ended."""


@dataclass(frozen=True)
class Plan:
    """How many workers there should be, and why."""

    desired_workers: int
    reason: str


class Planner:
    """Makes plans. It remembers the recent ones, and how many slots a worker has while anything runs."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._slots_per_worker: int | None = None
        self._recent: deque[tuple[float, Plan]] = deque()
        """By time, the plans of the last ``hold_seconds`` that nothing later exceeds."""

    def plan(self, demand: Mapping[str, int], slots_per_worker: int | None, now: float) -> Plan:
        """Return the plan at ``now``, in seconds of a clock that never goes back.

        Args:
            demand: the rollouts of a generation, by running experiment.
            slots_per_worker: what the workers say; None if there is none to ask.
            now: the time.
        """
        if not demand:
            self._slots_per_worker = None  # the next experiment may meet other workers
        elif self._slots_per_worker is None:
            self._slots_per_worker = slots_per_worker
        wanted = self._wanted(demand, slots_per_worker)
        recent = self._recent
        while recent and recent[0][0] < now - self._limits.hold_seconds:
            recent.popleft()
        while recent and recent[-1][1].desired_workers <= wanted.desired_workers:
            recent.pop()
        recent.append((now, wanted))
        held = recent[0][1]
        if held.desired_workers == wanted.desired_workers:
            return wanted
        return Plan(held.desired_workers, f"held for up to {self._limits.hold_seconds:g} s: {held.reason}")

    def _wanted(self, demand: Mapping[str, int], slots_per_worker: int | None) -> Plan:
        limits = self._limits
        if not demand:
            return Plan(limits.minimum, "no experiment is running")
        each = self._slots_per_worker or slots_per_worker
        if each is None:
            return Plan(max(1, limits.minimum), "a first worker has to say how many slots it has")
        slots = sum(math.ceil(rollouts / limits.rollouts_per_slot) for rollouts in demand.values())
        workers = math.ceil(slots / each)
        names = ", ".join(sorted(demand))
        reason = f"{sum(demand.values())} rollouts a generation ({names}) occupy {slots} slots, {each} a worker"
        if workers > limits.maximum:
            return Plan(limits.maximum, f"{reason}; {workers} workers are over the maximum")
        return Plan(max(workers, limits.minimum), reason)

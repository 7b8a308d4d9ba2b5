"""What the scheduler reaches when nothing goes wrong but speed: efficiency, stragglers, and its own price."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

from seedcast.services.master.scheduling.tuning import Tuning
from tests.simulation.world import World

END = 100_000.0
REQUEST_SECONDS = 0.001
"""What a request costs a master, as `make bench-scale` measures it."""


@dataclass(frozen=True)
class Figures:
    """How a generation went."""

    seconds: float
    ideal: float
    """What a scheduler reaches that knows no distance: it gives every free slot the next rollout at once."""
    requests: int
    extra_share: float
    """Rollouts begun more than once, of all."""
    decision_seconds: float
    """The scheduler's own CPU time for each event, mean."""

    @property
    def efficiency(self) -> float:
        """Return the share of the ideal."""
        return self.ideal / self.seconds


def generations(
    workers: int,
    slots: int,
    rollouts: int,
    seconds: tuple[float, float],
    slow: dict[int, float] | None = None,
    latency: float = 0.005,
    count: int = 3,
    tuning: Tuning | None = None,
    request_seconds: float = 0.0,
) -> list[Figures]:
    """Run generations one after another on a fleet in which some workers (by number) are slow.

    ``request_seconds`` is what a request costs the master.
    """
    chance = random.Random(0)
    world = World(tuning, lambda: latency * chance.uniform(0.5, 1.5), request_seconds)
    for number in range(workers):
        world.join(f"w{number}", slots, (slow or {}).get(number, 1.0))
    figures = []
    for _ in range(count):
        durations = [chance.uniform(*seconds) for _ in range(rollouts)]
        began, requests = world.now, world.requests
        events, cpu = world.scheduler.handled, world.scheduler.cpu_seconds
        job = world.jobs[world.add_job("e", durations)]
        world.run(END)
        figures.append(
            Figures(
                world.now - began,
                _greedy(durations, workers * slots),
                world.requests - requests,
                sum(times - 1 for times in job.computed.values()) / rollouts,
                (world.scheduler.cpu_seconds - cpu) / (world.scheduler.handled - events),
            )
        )
    return figures


def _greedy(durations: list[float], slots: int) -> float:
    """Return the makespan of list scheduling (Graham 1969, https://doi.org/10.1137/0117039)."""
    free = [0.0] * slots
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)

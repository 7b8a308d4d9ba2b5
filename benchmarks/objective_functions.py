"""Functions that last as long as one wishes, as a package would bring them: what `benchmarks.objectives` measures.

`Sleeping` leaves its core alone, so that what is lost beside a process pool is the way there and back. `Working`
takes its core as an honest function does: what is lost is also what Seedcast itself takes of the cores.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from seedcast.shared.objective import Seeds, Solutions, Values
from seedcast.shared.spec.objective import Direction

DIMENSION = 100
NUMBERS = np.linspace(0.0, 1.0, 2000)
"""What is worked on: it stays within a core's own cache."""

ENTRY_POINTS = """
[seedcast.objectives]
bench_sleeping = benchmarks.objective_functions:Sleeping
bench_working = benchmarks.objective_functions:Working
"""


class Sleeping:
    """The sum of squares, after a sleep for each solution."""

    direction: Direction = "minimise"
    dimension = DIMENSION

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def evaluate(self, solutions: Solutions, _: Seeds) -> Values:
        """Return the values ``(n,)``."""
        for _solution in solutions:
            time.sleep(self._seconds)
        return np.array([np.square(one, dtype=np.float64).sum() for one in solutions])


class Working:
    """The sum of squares, after so many rounds of work for each solution: as many on any clock."""

    direction: Direction = "minimise"
    dimension = DIMENSION

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds

    def evaluate(self, solutions: Solutions, _: Seeds) -> Values:
        """Return the values ``(n,)``."""
        for _solution in solutions:
            work(self._rounds)
        return np.array([np.square(one, dtype=np.float64).sum() for one in solutions])


def work(rounds: int) -> None:
    """Compute something for some 20 µs a round."""
    values = NUMBERS
    for _ in range(rounds):
        values = np.sin(values + 0.1)


def rounds_in(seconds: float) -> int:
    """Return how many rounds of work this machine does in so long, on a core that it has to itself."""
    tries = []
    for _ in range(5):
        started = time.perf_counter()
        work(1000)
        tries.append((time.perf_counter() - started) / 1000)
    return max(1, round(seconds / min(tries)))


def install(folder: Path) -> None:
    """Make these the objectives of an installed package, for processes that have ``folder`` in their path."""
    package = folder / "seedcast_benchmarks-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: seedcast-benchmarks\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(ENTRY_POINTS)

"""What `benchmarks.strategies` measures: loops of ask, encode and tell, ours and others'."""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self, cast

import cma
import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.dispatch.batch import Batch
from seedcast.services.master.strategies.base import Problem, Strategy
from seedcast.shared.frame import encode_frame
from seedcast.shared.perturbations import Members
from seedcast.shared.policies.linear import LinearSpec
from seedcast.shared.protocol import UnitHeader
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.strategies import STRATEGIES
from seedcast.shared.spec.strategy import StrategySpec

PROBLEMS = {2804: 256, 100_000: 256, 1_000_000: 1024}
"""Dimension → members. 2,804 is the 2019 sample's BipedalWalkerHardcore."""

UNITS = 16
"""Frames that a generation is sent in, or more,"""

LARGEST_ROWS = 64 * 2**20
"""so that no frame holds more bytes of parameter rows."""

LARGEST_SHARE = 0.75
"""Of the free memory, that a case may take."""

HEADER = UnitHeader(environment=EnvironmentSpec(id="CartPole-v1"), policy=LinearSpec(name="linear"))
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Cost:
    """Seconds for each part of a generation, and the process's peak memory."""

    ask: float
    encode: float
    tell: float
    peak_bytes: int

    @property
    def total(self) -> float:
        """Seconds a generation."""
        return self.ask + self.encode + self.tell

    def to_json(self) -> str:
        """Return it as a line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the line back."""
        return cls(**json.loads(text))


class Loop(ABC):
    """One strategy at work."""

    @abstractmethod
    def ask(self) -> None:
        """Sample the next population."""

    @abstractmethod
    def members(self, start: int, stop: int) -> Members:
        """Return a range of it, to be encoded."""

    @abstractmethod
    def tell(self, fitness: NDArray[np.float64]) -> None:
        """Learn from its fitness, which is maximised."""

    def checkpoint(self) -> None:  # noqa: B027 - others keep none
        """Bring the state into the form that is written."""


class Case(ABC):
    """How to make a loop, where it can be made."""

    @abstractmethod
    def loop(self, dimension: int, members: int) -> Loop:
        """Start at zero."""

    @abstractmethod
    def needs(self, dimension: int, members: int) -> int:
        """Return about how many bytes it takes."""

    def refuse(self, dimension: int, members: int) -> str | None:
        """Say why there is no use trying, or nothing."""
        if (needs := self.needs(dimension, members)) > LARGEST_SHARE * _free_bytes():
            return f"not tried: needs {needs / 2**30:.0f} GiB"
        return None


class Ours(Case):
    """A registered strategy, as the master uses it."""

    def __init__(self, name: str, options: dict[str, Any] | None = None) -> None:
        self._class = cast("type[Strategy]", STRATEGIES[name])
        self._spec: StrategySpec = self._class.Spec.model_validate({"name": name} | (options or {}))

    def loop(self, dimension: int, members: int) -> Loop:
        """Start at zero."""
        return _OurLoop(self._class(self._spec, Problem(members, 1, np.zeros(dimension, np.float32))))

    def needs(self, dimension: int, members: int) -> int:
        """Return what the strategy says."""
        return self._class.memory_bytes(self._spec, dimension, members)

    def refuse(self, dimension: int, members: int) -> str | None:
        """Refuse what a submit would be refused for, too."""
        needs, limit = self.needs(dimension, members), self._class.memory_limit
        if needs > limit:
            return f"refused: needs {needs / 2**30:.1f} GiB, over its limit of {limit / 2**30:g} GiB"
        return self._class.refuse_population_size(members) or super().refuse(dimension, members)


class _OurLoop(Loop):
    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def ask(self) -> None:
        self._population = self._strategy.ask()

    def members(self, start: int, stop: int) -> Members:
        return self._population.members(start, stop)

    def tell(self, fitness: NDArray[np.float64]) -> None:
        self._strategy.tell(fitness)

    def checkpoint(self) -> None:
        encode_frame("{}", self._strategy.state())


class PycmaCase(Case):
    """pycma's own loop, with nothing changed but what it learns of the covariance."""

    def __init__(self, *, diagonal: bool) -> None:
        self._diagonal = diagonal

    def loop(self, dimension: int, members: int) -> Loop:
        """Start at zero."""
        return _PycmaLoop(dimension, members, diagonal=self._diagonal)

    def needs(self, dimension: int, members: int) -> int:
        """Count the solutions as float64 and as sent, and three matrices."""
        return 24 * dimension * members + (0 if self._diagonal else 24 * dimension**2)


class _PycmaLoop(Loop):
    def __init__(self, dimension: int, members: int, *, diagonal: bool) -> None:
        options = {"popsize": members, "CMA_diagonal": diagonal, "verbose": -9, "seed": 1}
        self._es = cma.CMAEvolutionStrategy(np.zeros(dimension), 0.1, options)

    def ask(self) -> None:
        self._solutions = self._es.ask()
        self._sent = np.array(self._solutions, np.float32)

    def members(self, start: int, stop: int) -> Members:
        return self._sent[start:stop]

    def tell(self, fitness: NDArray[np.float64]) -> None:
        self._es.tell(self._solutions, (-fitness).tolist())


class DenseCase(Case):
    """PEPG as one would write it in numpy: the population is a matrix, and the sums are matrix products."""

    def loop(self, dimension: int, members: int) -> Loop:
        """Start at zero."""
        return _DenseLoop(dimension, members)

    def needs(self, dimension: int, members: int) -> int:
        """Count the noise, its square, the members, and what is as long as the mean."""
        return dimension * (2 * 4 * (members // 2) + 4 * members + 64)


class _DenseLoop(Loop):
    def __init__(self, dimension: int, members: int) -> None:
        self._random = np.random.default_rng(1)
        self._mean, self._first, self._second = np.zeros((3, dimension), np.float32)
        self._sigma = np.full(dimension, 0.1, np.float32)
        self._pairs = members // 2
        self._steps = 0

    def ask(self) -> None:
        self._z = self._random.standard_normal((self._pairs, len(self._mean)), dtype=np.float32)
        self._members = np.empty((2 * self._pairs, len(self._mean)), np.float32)
        np.multiply(self._z, self._sigma, out=self._members[0::2])
        np.subtract(self._mean, self._members[0::2], out=self._members[1::2])
        self._members[0::2] += self._mean

    def members(self, start: int, stop: int) -> Members:
        return self._members[start:stop]

    def tell(self, fitness: NDArray[np.float64]) -> None:
        ranks = np.argsort(np.argsort(fitness)).astype(np.float32) / (len(fitness) - 1) - np.float32(0.5)
        plus, minus = ranks[0::2], ranks[1::2]
        gradient = self._sigma * ((plus - minus) / 2 @ self._z)
        weights = (plus + minus) / 2 - ranks.mean()
        change = self._sigma * (weights @ np.square(self._z) - weights.sum()) / self._pairs
        self._steps += 1
        self._first += np.float32(0.1) * (gradient - self._first)
        self._second += np.float32(0.001) * (np.square(gradient) - self._second)
        first, second = self._first / (1 - 0.9**self._steps), self._second / (1 - 0.999**self._steps)
        self._mean += np.float32(0.01) * first / (np.sqrt(second) + np.float32(1e-8))
        self._sigma += np.clip(np.float32(0.2) * change, -0.2 * self._sigma, 0.2 * self._sigma)


def cases() -> Iterator[tuple[str, Case]]:
    """Name every registered strategy with its defaults, the forms of CMA-ES, and what they are compared with."""
    for name in STRATEGIES:
        yield name, Ours(name)
    yield "cma_es diagonal", Ours("cma_es", {"covariance": "diagonal"})
    yield "cma_es vkd", Ours("cma_es", {"covariance": "vkd"})
    yield "pycma", PycmaCase(diagonal=False)
    yield "pycma diagonal", PycmaCase(diagonal=True)
    yield "numpy pepg dense", DenseCase()


CASES = dict(cases())


def measure(case: Case, dimension: int, members: int, seconds: float) -> Cost:
    """Run generations for so many seconds, at least one; the first is not counted if there are more."""
    loop = case.loop(dimension, members)
    fitness = np.random.default_rng(0)
    times: list[tuple[float, float, float]] = []
    ended = time.perf_counter() + seconds
    while not times or time.perf_counter() < ended:
        times.append(_generation(loop, dimension, members, fitness.normal(size=members)))
    loop.checkpoint()
    ask, encode, tell = (statistics.median(part) for part in zip(*(times[1:] or times), strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(ask, encode, tell, peak if sys.platform == "darwin" else 1024 * peak)


def _generation(
    loop: Loop, dimension: int, members: int, fitness: NDArray[np.float64]
) -> tuple[float, float, float]:
    started = time.perf_counter()
    loop.ask()
    asked = time.perf_counter()
    batch = Batch("benchmark", HEADER, loop.members, np.zeros((members, 1), np.int32))
    size = min(-(-members // UNITS), max(1, LARGEST_ROWS // (4 * dimension)))
    for start in range(0, members, size):
        batch.unit(range(start, min(start + size, members))).to_frame()
    encoded = time.perf_counter()
    loop.tell(fitness)
    return asked - started, encoded - asked, time.perf_counter() - encoded


def _free_bytes() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

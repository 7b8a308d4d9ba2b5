"""What every strategy is: ask for a population, tell its fitness, save and restore between the two.

A strategy holds *state* (changes, is checkpointed) apart from *hyperparameters* (`Spec`, never change) and
from the *problem* (dimension, population size, seed, initial mean). It is plain numpy without I/O, and it
draws every random number by key (`shared.seeding`), so that its state is arrays and nothing else. Fitness is
maximised.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.strategies.population import Parameters as Parameters
from seedcast.services.master.strategies.population import Population as Population
from seedcast.services.master.strategies.schedules import Clock, factor
from seedcast.shared.errors import SeedcastError
from seedcast.shared.low_rank import Matrix
from seedcast.shared.spec.strategy import StrategySpec

State = dict[str, NDArray[Any]]
Fields = tuple[str, ...]
"""Names of hyperparameters."""

DISTRIBUTION = "*"
"""In `Strategy.begun_by`: the whole state but for the mean."""

_COUNTED = ("generation", "population_size", "environment_steps")
"""What every state has besides the strategy's own arrays."""


class StrategyOrderError(SeedcastError):
    """ask() and tell() were called out of turn."""


class FitnessError(SeedcastError):
    """The fitness told is not one finite number per member."""


class DivergedError(SeedcastError):
    """An update left numbers behind that are not finite: steps too large for the fitness."""


class RecentreError(SeedcastError):
    """The parameters to search around are not one finite number per dimension."""


class PopulationSizeError(SeedcastError):
    """The strategy cannot go on with so many members."""


@dataclass(frozen=True)
class Problem:
    """What is searched: nothing of it changes while the strategy runs."""

    population_size: int
    """Of the first generation; `Strategy.population_size` is the current one."""
    seed: int
    initial_mean: Parameters
    """``(dimension,)``"""
    matrices: tuple[Matrix, ...] = ()
    """The policy's matrices among the parameters, where the strategy may care."""

    @property
    def dimension(self) -> int:
        """The number of parameters."""
        return len(self.initial_mean)


class Strategy(ABC):
    """Base of every strategy; it keeps the order of ask and tell and checks the fitness."""

    Spec: ClassVar[type[StrategySpec]]

    mirrored: ClassVar[bool] = False
    """Whether members 2i and 2i + 1 are mean ± the same perturbation."""

    resizable: ClassVar[bool] = False
    """Whether the population may grow and shrink between generations (see `resize`)."""

    paper: ClassVar[str] = ""
    """The URL of the paper or reference implementation that it follows."""

    suits: ClassVar[str] = ""
    """One sentence: when to choose it."""

    lighter: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    """Values of hyperparameters under which less memory is needed: a refusal proposes those that fit."""

    begun_by: ClassVar[Mapping[str, Fields]] = {}
    """Arrays of the state (or `DISTRIBUTION`), and the hyperparameters that they begin with: a stage of a
    curriculum that has other ones than the stage before begins the array anew."""

    memory_limit: ClassVar[int] = 2 * 2**30
    """Bytes; an experiment that would take more is refused."""

    def __init__(self, hyperparameters: StrategySpec, problem: Problem) -> None:
        self.hyperparameters = hyperparameters
        self.problem = problem
        self.population_size = problem.population_size
        """Members of the next population; `resize` changes it."""
        self.generation = 0
        """Generations told so far."""
        self.environment_steps = 0
        """Training steps so far, as far as `tell` was told."""
        self.end = self.clock
        """While `tell` learns: the time after it."""
        self._asked = False

    @property
    def clock(self) -> Clock:
        """How far training had come when the population was asked for; schedules read it."""
        return Clock(self.generation, self.environment_steps)

    @classmethod
    def refuse_population_size(cls, population_size: int) -> str | None:
        """Say why the population size does not suit the strategy, or nothing."""
        if cls.mirrored and population_size % 2:
            return "mirrored sampling needs an even population"
        return None

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:  # noqa: ARG003
        """Return about how much the strategy holds at its peak; it may not fall as either number grows."""
        return 4 * dimension * population_size

    @classmethod
    def matrix_bytes(cls, spec: StrategySpec, dimension: int) -> int:  # noqa: ARG003
        """Return the size of one matrix ``(dimension, dimension)``, where the strategy has such; else 0."""
        return 0

    @final
    def ask(self) -> Population:
        """Return the members to evaluate next.

        Raises:
            StrategyOrderError: the last population has not been told yet.
        """
        if self._asked:
            raise StrategyOrderError("ask() was called twice without calling tell()")
        population = self._ask()
        self._asked = True
        return population

    @final
    def tell(self, fitness: NDArray[np.float64], environment_steps: int | None = None) -> None:
        """Learn from the fitness ``(population_size,)`` of the population last asked for.

        ``environment_steps``: all training steps so far, this population's too, for schedules that count them.

        Raises:
            StrategyOrderError: there is no population to tell.
            FitnessError: the fitness has another shape, or is not finite.
            DivergedError: the update led out of the finite numbers; only `restore` brings the strategy back.
        """
        if not self._asked:
            raise StrategyOrderError("tell() was called without calling ask()")
        fitness = np.asarray(fitness, np.float64)
        if fitness.shape != (self.population_size,):
            expected = f"({self.population_size},)"
            raise FitnessError(f"fitness has shape {fitness.shape}, the population needs {expected}")
        if not np.isfinite(fitness).all():
            member = int(np.flatnonzero(~np.isfinite(fitness))[0])
            raise FitnessError(f"the fitness of member {member} is {fitness[member]}")
        steps = self.environment_steps if environment_steps is None else environment_steps
        self.end = Clock(self.generation + 1, steps)
        self._learn_or_diverge(fitness)
        self.generation, self.environment_steps = self.end.generation, self.end.environment_steps
        self._asked = False

    def _learn_or_diverge(self, fitness: NDArray[np.float64]) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # said below, by name
            try:
                self._tell(fitness)
            except np.linalg.LinAlgError as error:
                raise self._diverged(str(error)) from error
            figures = self.summary() | {"mean": float(np.abs(self.mean).max())}
        if wrong := [name for name, value in figures.items() if not np.isfinite(value)]:
            raise self._diverged(f"{', '.join(wrong)} no longer finite")

    def _diverged(self, reason: str) -> DivergedError:
        return DivergedError(
            f"generation {self.generation} took {self.hyperparameters.name} out of the finite numbers: {reason}; "
            "smaller steps or another fitness shaping may keep it in"
        )

    @final
    def recentre(self, mean: Parameters) -> None:
        """Search on around ``mean`` ``(dimension,)``: step sizes stay, momentum is forgotten.

        Raises:
            StrategyOrderError: a population is out; the centre moves between generations.
            RecentreError: the mean has another shape, or is not finite.
        """
        if self._asked:
            raise StrategyOrderError("recentre() was called between ask() and tell()")
        mean = np.array(mean, np.float32)
        if mean.shape != (self.problem.dimension,):
            raise RecentreError(f"the mean has shape {mean.shape}, the problem needs ({self.problem.dimension},)")
        if not np.isfinite(mean).all():
            parameter = int(np.flatnonzero(~np.isfinite(mean))[0])
            raise RecentreError(f"parameter {parameter} of the mean is {mean[parameter]}")
        self._recentre(mean)

    @final
    def resize(self, population_size: int) -> None:
        """Ask for so many members from now on. The size that it has is always accepted.

        Raises:
            StrategyOrderError: a population is out; its size changes between generations.
            PopulationSizeError: the strategy is not `resizable`, or does not take the size.
        """
        if self._asked:
            raise StrategyOrderError("resize() was called between ask() and tell()")
        if population_size == self.population_size:
            return
        if not self.resizable:
            raise PopulationSizeError(f"{type(self).__name__} keeps its population of {self.population_size}")
        if reason := self.refuse_population_size(population_size):
            raise PopulationSizeError(f"{reason}, got {population_size}")
        self.population_size = population_size

    @final
    def state(self) -> State:
        """Return copies of all that changes, to be restored exactly.

        Raises:
            StrategyOrderError: a population is out; states are taken between generations.
        """
        if self._asked:
            raise StrategyOrderError("state() was called between ask() and tell()")
        return {name: np.array(value) for name, value in self._state().items()} | {
            "generation": np.array(self.generation),
            "population_size": np.array(self.population_size),
            "environment_steps": np.array(self.environment_steps),
        }

    @final
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state that a strategy of the same specification and problem returned."""
        values = dict(state)
        self.generation = int(values.pop("generation").item())
        self.population_size = int(values.pop("population_size", np.array(self.problem.population_size)).item())
        self.environment_steps = int(values.pop("environment_steps", np.array(0)).item())
        self._asked = False
        self._restore(values)

    @final
    def take_over(self, state: State, before: StrategySpec) -> None:
        """Go on from the state of a stage with the specification ``before``; to be called before anything else.

        All goes on but for what begins with hyperparameters that are other ones here (see `begun_by`): σ, times
        what its schedule has come to.
        """
        own = self.hyperparameters
        changed = {
            array
            for array, begins_with in self.begun_by.items()
            if any(getattr(own, name) != getattr(before, name) for name in begins_with)
        }
        anew = self.state() if changed else {}
        if DISTRIBUTION in changed:
            changed = anew.keys() - {"mean", *_COUNTED}
        if "sigma" in changed:
            clock = Clock(int(state["generation"].item()), int(state["environment_steps"].item()))
            anew["sigma"] = anew["sigma"] * factor(getattr(own, "sigma_schedule", None), clock)
        self.restore(state | {array: anew[array] for array in changed})

    def forget_fitness(self) -> None:  # noqa: B027 - most remember none
        """Let no fitness count that was had so far: the task is another one now."""

    @property
    @abstractmethod
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""

    def summary(self) -> dict[str, float]:
        """Return a few figures worth plotting, such as the mean step size."""
        return {}

    @abstractmethod
    def _ask(self) -> Population: ...

    @abstractmethod
    def _tell(self, fitness: NDArray[np.float64]) -> None: ...

    @abstractmethod
    def _state(self) -> State: ...

    @abstractmethod
    def _restore(self, state: State) -> None: ...

    @abstractmethod
    def _recentre(self, mean: Parameters) -> None:
        """Move the centre; drop momentum and paths, which lead away from another place. Keep step sizes."""

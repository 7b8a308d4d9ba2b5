"""A simple genetic algorithm: the best survive, and their mutated copies are the next generation.

The defaults are those of `SimpleGA` in estool: Ha, "A visual guide to evolution strategies" (2017,
https://blog.otoro.net/2017/10/29/visual-evolution-strategies/): a tenth survives with the fitness it once had, σ
decays, and two parents are crossed, parameter by parameter. That of Such, Madhavan, Conti, Lehman, Stanley and
Clune, "Deep neuroevolution: genetic algorithms are a competitive alternative for training deep neural networks
for reinforcement learning" (2017, https://arxiv.org/abs/1712.06567) is ``elite_ratio: 0.02`` (20 of 1,000),
``crossover: false``, ``sigma_init: 0.002`` and ``sigma_decay: 1``.

Members are made of their parents and counter-keyed noise when their rows are asked for, so that memory holds the
elites and never the population.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictBool

from seedcast.services.master.strategies.base import Fields, Problem, State, Strategy
from seedcast.services.master.strategies.fitness_shaping import subtract_l2_penalty
from seedcast.services.master.strategies.population import Parameters, Population
from seedcast.shared.seeding import Purpose, generator, noise
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]


class SimpleGASpec(StrategySpec):
    """Hyperparameters of the simple genetic algorithm; the defaults are estool's."""

    name: Literal["simple_ga"] = "simple_ga"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.1, description="The standard deviation of a mutation at the start."
    )
    sigma_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.999, description="Multiplies σ after each generation, while above its limit."
    )
    sigma_limit: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.01, description="A σ at or below this decays no more."
    )
    elite_ratio: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.1, description="The part of the population that survives and has offspring; one member at least."
    )
    crossover: StrictBool = Field(
        default=True,
        description="Take each parameter from one of two parents at random, instead of all from one parent.",
    )
    forget_elites: StrictBool = Field(
        default=False,
        description="Choose the elites from the last generation only. Otherwise they stay, with the fitness they "
        "once had, until better ones come: a lucky episode is remembered.",
    )
    l2_penalty: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.01,
        description="Times the mean square of a member's parameters, subtracted from its fitness.",
    )


class SimpleGA(Strategy):
    """Truncation selection, uniform crossover and Gaussian mutation."""

    Spec = SimpleGASpec
    hyperparameters: SimpleGASpec
    resizable = True
    begun_by: ClassVar[Mapping[str, Fields]] = {"sigma": ("sigma_init",)}
    paper = "https://arxiv.org/abs/1712.06567"
    suits = "Fitness that is deceptive or flat, where a gradient misleads: it keeps several solutions at once."

    def __init__(self, hyperparameters: SimpleGASpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        self._sigma = hyperparameters.sigma_init
        self._elites: Parameters
        """``(elites, dimension)``, the best first."""
        self._elite_fitness: Vector
        self._recentre(problem.initial_mean)

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:
        """Return the size of the elites, of their copies where they are chosen, and of a few members."""
        chosen = spec if isinstance(spec, SimpleGASpec) else SimpleGASpec()
        return 4 * dimension * (2 * _elites(chosen, population_size) + 8)

    @property
    def mean(self) -> Parameters:
        """The best member ``(dimension,)`` of those that survive: what is tested and saved as the model."""
        return np.array(self._elites[0])

    def summary(self) -> dict[str, float]:
        """Return the size of a mutation, and how far the elites lie from the best one, per parameter."""
        away = [float(np.square(elite - self._elites[0]).mean()) for elite in self._elites]
        return {"sigma": self._sigma, "elite_spread": float(np.sqrt(np.mean(away)))}

    def _ask(self) -> Population:
        return self._offspring()

    def _offspring(self) -> Offspring:
        return Offspring(
            self._elites,
            np.float32(self._sigma),
            self.hyperparameters.crossover,
            (self.problem.seed, self.generation, self.population_size),
        )

    def _tell(self, fitness: Vector) -> None:
        chosen, offspring = self.hyperparameters, self._offspring()
        penalised = subtract_l2_penalty(fitness, offspring, chosen.l2_penalty)
        count = len(penalised)
        if not chosen.forget_elites:
            penalised = np.concatenate([penalised, self._elite_fitness])
        # Of equals the lower index survives: the newcomer, so that the search drifts over flat fitness.
        best = np.argsort(-penalised, kind="stable")[: _elites(chosen, count)]
        survivors = np.empty((len(best), self.problem.dimension), np.float32)
        for survivor, member in zip(survivors, best.tolist(), strict=True):
            survivor[:] = offspring.member(member) if member < count else self._elites[member - count]
        self._elites, self._elite_fitness = survivors, penalised[best]
        if self._sigma > chosen.sigma_limit:
            self._sigma *= chosen.sigma_decay

    def _recentre(self, mean: Parameters) -> None:
        # Never told, it is worse than any member, and gone after the next generation.
        self._elites, self._elite_fitness = mean[None].copy(), np.full(1, -np.inf)

    def forget_fitness(self) -> None:
        """Let the elites have one more generation of offspring, which any newcomer then beats."""
        self._elite_fitness = np.full(len(self._elites), -np.inf)

    def _state(self) -> State:
        return {
            "elites": self._elites,
            "elite_fitness": self._elite_fitness,
            "sigma": np.array(self._sigma),
        }

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._elites, self._elite_fitness = state["elites"].copy(), state["elite_fitness"].copy()
        self._sigma = float(state["sigma"].item())


class Offspring(Population):
    """Members made when their rows are asked for, out of the elites and their own draws."""

    def __init__(self, elites: Parameters, sigma: np.float32, crossover: bool, key: tuple[int, int, int]) -> None:
        self._elites = elites
        self._sigma = sigma
        self._crossover = crossover
        self._seed, self._generation, self._count = key

    def __len__(self) -> int:
        return self._count

    def rows(self, start: int, stop: int) -> Parameters:
        """Return the parameters ``(stop - start, dimension)`` of members ``start`` to ``stop - 1``."""
        stop = min(stop, self._count)
        rows = np.empty((max(0, stop - start), self._elites.shape[1]), np.float32)
        for row, member in zip(rows, range(start, stop), strict=True):
            row[:] = self.member(member)
        rows.flags.writeable = False
        return rows

    def member(self, member: int) -> Parameters:
        """Return the parameters ``(dimension,)`` of one member."""
        draws = generator(self._seed, Purpose.STRATEGY, self._generation, member)
        one, other = self._elites[draws.integers(len(self._elites), size=2)]
        parent = np.where(draws.random(len(one), np.float32) < 0.5, one, other) if self._crossover else one
        return np.asarray(parent + self._sigma * noise(self._seed, self._generation, member, len(one)))


def _elites(chosen: SimpleGASpec, population_size: int) -> int:
    """Return how many survive."""
    return max(1, int(population_size * chosen.elite_ratio))

"""CMA-ES through pycma, with pycma's randomness, state and clock taken from it.

Hansen, "The CMA evolution strategy: a tutorial" (2016, https://arxiv.org/abs/1604.00772); the diagonal
variant: Ros and Hansen, "A simple modification in CMA-ES achieving linear time and space complexity" (2008,
https://doi.org/10.1007/978-3-540-87700-4_30). pycma: https://github.com/CMA-ES/pycma.

What makes a run a pure function of its seed, and its state a few arrays:

- pycma's normal draws come from `shared.seeding`; numpy's global generator is neither read nor seeded.
- The step size adapts by path length (CSA) in every dimension. From 300 on pycma would take two-point
  adaptation, which injects members, and draws beside the one matrix per generation that members are keyed by.
- pycma is told the float32 rows that were evaluated, not the float64 points they were rounded from: fitness
  is credited to what earned it. It is told ranks, so that ties break by index as everywhere else.
- `stop()` is never called, so none of its criteria, nor its clock, nor its signals file, has any effect.
- The eigendecomposition is put off by a count of generations, not by time: the counts are part of the state.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from cma import evolution_strategy as pycma
from cma.sigma_adaptation import CMAAdaptSigmaCSA
from cma.transformations import DiagonalDecoding
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import threadpool_limits

from services.master.strategies.base import Parameters, Population, Problem, State, Strategy
from services.master.strategies.fitness_shaping import centred_ranks, subtract_l2_penalty
from shared.seeding import noise
from shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]
SMALLEST_POPULATION = 3
"""pycma ranks fewer only with selective mirroring, which is off here."""

_MATRICES_AT_ONCE = 4
"""float64, ``(dimension, dimension)``: C, B, and their copies while it decomposes or is checkpointed."""

_BYTES_PER_COORDINATE = 24
"""Of each member: pycma's own float64, the float32 row that is evaluated, and the row told as float64."""


class CMAESSpec(StrategySpec):
    """Hyperparameters of CMA-ES; the rest are pycma's defaults."""

    name: Literal["cma_es"] = "cma_es"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.1, description="The standard deviation of every parameter at the start."
    )
    diagonal: bool = Field(
        default=False,
        description="Adapt a diagonal covariance only: memory and time grow with the dimension, not with its "
        "square and cube.",
    )
    l2_penalty: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.0,
        description="Times the mean square of a member's parameters, subtracted from its fitness.",
    )


class CMAES(Strategy):
    """Covariance matrix adaptation. This adapter negates: fitness is maximised, pycma minimises."""

    Spec = CMAESSpec
    hyperparameters: CMAESSpec
    memory_limit = 4 * 2**30

    def __init__(self, hyperparameters: CMAESSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        # The bits of a matrix product depend on the number of BLAS threads. The limit is the whole process's
        # and stays: one experiment lifting it would change the bits of another that is still computing.
        threadpool_limits(limits=1, user_api="blas")
        self._es = self._start()
        self._population = self._no_population()

    @classmethod
    def refuse_population_size(cls, population_size: int) -> str | None:
        """Say why the population size does not suit the strategy, or nothing."""
        if population_size < SMALLEST_POPULATION:
            return f"CMA-ES needs a population of at least {SMALLEST_POPULATION}"
        return None

    @classmethod
    def memory_bytes(cls, spec: StrategySpec, dimension: int, population_size: int) -> int:
        """Return the size of the population and, unless only the diagonal is adapted, of the matrices."""
        members = _BYTES_PER_COORDINATE * dimension * population_size
        if isinstance(spec, CMAESSpec) and spec.diagonal:
            return members
        return members + _MATRICES_AT_ONCE * 8 * dimension**2

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return np.asarray(self._es.mean, np.float32)

    def summary(self) -> dict[str, float]:
        """Return the global step size and the spread of the parameters' standard deviations."""
        deviations = self._es.stds
        return {
            "sigma": float(self._es.sigma),
            "sigma_mean": float(np.mean(deviations)),
            "sigma_min": float(np.min(deviations)),
            "sigma_max": float(np.max(deviations)),
        }

    def _ask(self) -> Population:
        self._population = Population(np.array(self._es.ask(), np.float32))
        return self._population

    def _tell(self, fitness: Vector) -> None:
        penalised = subtract_l2_penalty(fitness, self._population, self.hyperparameters.l2_penalty)
        members = self._population.rows(0, len(self._population)).astype(np.float64)
        # Without check_points=False pycma would shorten the longest perturbations of rows it does not know.
        self._es.tell(list(members), centred_ranks(-penalised).tolist(), check_points=False)
        self._population = self._no_population()

    def _draw(self, members: int, dimension: int) -> Vector:
        """Stand in for ``np.random.randn``."""
        draws = np.empty((members, dimension))
        for member in range(members):
            draws[member] = noise(self.problem.seed, self.generation, member, dimension)
        return draws

    def _start(self) -> pycma.CMAEvolutionStrategy:
        options = {
            "popsize": self.problem.population_size,
            "CMA_diagonal": self.hyperparameters.diagonal,
            "AdaptSigma": CMAAdaptSigmaCSA,
            "CMA_mirrors": 0,
            # Rescales badly conditioned coordinates, but never wraps the search in a linear map.
            "conditioncov_alleviate": [1e8, np.inf],
            "randn": self._draw,
            "seed": np.nan,
            "verbose": -10,
            "verb_log": 0,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            es = pycma.CMAEvolutionStrategy(
                self.problem.initial_mean.astype(np.float64), self.hyperparameters.sigma_init, options
            )
        # It would keep up to a thousand members to look genotypes up by; here they are the phenotypes.
        es.sent_solutions = pycma.get_CMASolutionDict(functional=False)()
        return es

    def _no_population(self) -> Population:
        return Population(np.empty((0, self.problem.dimension), np.float32))

    def _state(self) -> State:
        es = self._es
        return {
            "mean": es.mean,
            "sigma": np.array(es.sigma, np.float64),
            "iteration": np.array(es.countiter),
            "covariance_path": es.pc,
            "sigma_path": es.adapt_sigma.ps,
            "scaling": np.broadcast_to(es.sigma_vec.scaling, es.mean.shape),  # a scalar until it is first used
        } | (_diagonal_state(es.sm) if self.hyperparameters.diagonal else _full_state(es.sm))

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        es = self._start()
        es.mean, es.pc, es.adapt_sigma.ps = (state[k].copy() for k in ("mean", "covariance_path", "sigma_path"))
        es.sigma, es.countiter = float(state["sigma"].item()), int(state["iteration"].item())
        es.sigma_vec = DiagonalDecoding(state["scaling"])
        (_restore_diagonal if self.hyperparameters.diagonal else _restore_full)(es.sm, state)
        es._updateBDfromSM(es.sm)
        # pycma expects both after its first generation; neither is read before it is written again.
        es.mean_old, es.timer = es.mean, pycma.utils.ElapsedWCTime()
        self._es, self._population = es, self._no_population()


_MATRICES = ("C", "B")
_COUNTS = ("last_update", "count_tell", "count_eigen")


def _full_state(sampler: Any) -> State:  # noqa: ANN401 - pycma is untyped
    """Take the covariance and its eigenvectors, which pycma brings up to date with one another lazily."""
    state: State = {f"sampler.{name}": np.asarray(getattr(sampler, name)) for name in (*_MATRICES, "D", *_COUNTS)}
    # BLAS multiplies a transposed layout by another path, with other bits, and a checkpoint keeps no layout.
    layouts = [np.isfortran(state[f"sampler.{name}"]) for name in _MATRICES]
    return state | {"sampler.fortran": np.array(layouts)}


def _restore_full(sampler: Any, state: Mapping[str, NDArray[Any]]) -> None:  # noqa: ANN401
    for name, fortran in zip(_MATRICES, state["sampler.fortran"], strict=True):
        setattr(sampler, name, np.array(state[f"sampler.{name}"], order="F" if fortran else "C"))
    sampler.D = state["sampler.D"].copy()
    for name in _COUNTS:
        setattr(sampler, name, int(state[f"sampler.{name}"].item()))


def _diagonal_state(sampler: Any) -> State:  # noqa: ANN401
    """Take the sampler's own deviations, which pycma makes only once σ has grown a billionfold."""
    return {"sampler.deviations": getattr(sampler, "standard_deviations", np.ones(sampler.dimension))}


def _restore_diagonal(sampler: Any, state: Mapping[str, NDArray[Any]]) -> None:  # noqa: ANN401
    sampler.standard_deviations = state["sampler.deviations"].copy()

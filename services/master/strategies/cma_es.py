"""CMA-ES through pycma, with pycma's randomness, state and clock taken from it.

Hansen, "The CMA evolution strategy: a tutorial" (2016, https://arxiv.org/abs/1604.00772); the diagonal
variant: Ros and Hansen, "A simple modification in CMA-ES achieving linear time and space complexity" (2008,
https://doi.org/10.1007/978-3-540-87700-4_30); VkD, a diagonal and a few vectors, whose number is learnt too:
Akimoto and Hansen, "Projection-based restricted covariance matrix adaptation for high dimension" (2016,
https://doi.org/10.1145/2908812.2908863) and "Online model selection for restricted covariance matrix
adaptation" (2016, https://doi.org/10.1007/978-3-319-45823-6_1). pycma: https://github.com/CMA-ES/pycma.

What makes a run a pure function of its seed, and its state a few arrays:

- pycma's normal draws come from `shared.seeding`, keyed by their count within the generation; numpy's global
  generator is neither read nor seeded.
- The step size adapts by path length (CSA) in every dimension. From 300 on pycma would take two-point
  adaptation, which injects members and whose state is spread over pycma. VkD has a two-point adaptation of its
  own: from the second generation on, the first two members lie on the last step and opposite to it.
- pycma is told the float32 rows that were evaluated, not the float64 points they were rounded from: fitness
  is credited to what earned it. It is told ranks, ties broken by index; where all are equal, nothing.
- `stop()` is never called, so none of its criteria, nor its clock, nor its signals file, has any effect.
- The eigendecomposition is put off by a count of generations, not by time: the counts are part of the state.

pycma is imported when the first search needs it: with scipy and pyplot, which it pulls in, that takes longer than
all else that a master does to start.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from services.master.strategies import pycma_state
from services.master.strategies.base import Problem, State, Strategy
from services.master.strategies.blas import use_one_blas_thread
from services.master.strategies.fitness_shaping import PenaltyOptions, subtract_l2_penalty
from services.master.strategies.population import Parameters, Population
from shared.seeding import noise
from shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]
CONVERGED = 16
"""A population no wider than so many float32 steps, in every parameter, has nothing left to be told apart."""

SMALLEST_POPULATION = 4
"""Of three, only the best counts, and pycma's vkd stops at weights that are all 0."""

_MATRICES_AT_ONCE = 8
"""float64, ``(dimension, dimension)``: C, B, and their copies and LAPACK's workspace while it decomposes."""

_VECTORS_AT_ONCE = 4
"""float64, ``(dimension, vectors + population_size / 2 + 1)``: VkD's V, U, and what it makes of them."""

_BYTES_PER_COORDINATE = 68
"""Of each member: the float32 row that is evaluated, and what pycma makes of it, eight times in float64."""

_BYTES_PER_PARAMETER = 8 * 16
"""The mean, the paths, the scaling, and what is as long as they are."""


Covariance = Literal["full", "diagonal", "vkd"]

MAX_VECTORS = 100
"""Of VkD, where the specification does not say."""


class CMAESSpec(PenaltyOptions):
    """Hyperparameters of CMA-ES; the rest are pycma's defaults."""

    name: Literal["cma_es"] = "cma_es"
    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.1, description="The standard deviation of every parameter at the start."
    )
    covariance: Covariance = Field(
        default="full",
        description="What is learnt of the covariance: all of it; its diagonal, in time and memory that grow with "
        "the dimension, not with its cube and square; or, by vkd, a diagonal and a few vectors.",
    )
    max_vectors: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        default=None,
        description=f"Of vkd: at most so many vectors, {MAX_VECTORS} unless given. Memory holds them; pycma's own "
        "limit is one less than the dimension.",
    )

    @model_validator(mode="after")
    def _vectors_are_of_vkd(self) -> Self:
        if self.max_vectors is not None and self.covariance != "vkd":
            raise ValueError(f"max_vectors is an option of vkd, not of the {self.covariance} covariance")
        return self

    def vectors(self, dimension: int) -> int:
        """Return the most vectors that vkd may learn."""
        wanted = MAX_VECTORS if self.max_vectors is None else self.max_vectors
        return min(wanted, dimension - 1)


class CMAES(Strategy):
    """Covariance matrix adaptation. This adapter negates: fitness is maximised, pycma minimises."""

    Spec = CMAESSpec
    hyperparameters: CMAESSpec
    paper = "https://arxiv.org/abs/1604.00772"
    suits = (
        "Up to a few thousand parameters that depend on one another: it needs the fewest evaluations, and little "
        "tuning; with a diagonal or vkd covariance for many more."
    )
    lighter: ClassVar[Mapping[str, tuple[Any, ...]]] = {"covariance": ("diagonal", "vkd")}
    memory_limit: ClassVar[int] = 4 * 2**30

    def __init__(self, hyperparameters: CMAESSpec, problem: Problem) -> None:
        super().__init__(hyperparameters, problem)
        use_one_blas_thread()
        self._drawn = 0
        """Draws of this generation so far."""
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
        """Return the size of the population and of the matrices that the form of the covariance needs."""
        members = dimension * (_BYTES_PER_COORDINATE * population_size + _BYTES_PER_PARAMETER)
        chosen = spec if isinstance(spec, CMAESSpec) else CMAESSpec()
        if chosen.covariance == "diagonal":
            return members
        if chosen.covariance == "vkd":
            return members + _VECTORS_AT_ONCE * 8 * dimension * (
                chosen.vectors(dimension) + population_size // 2 + 1
            )
        return members + _MATRICES_AT_ONCE * 8 * dimension**2

    @classmethod
    def matrix_bytes(cls, spec: StrategySpec, dimension: int) -> int:
        """Return the size of the full covariance; the other forms have none."""
        chosen = spec if isinstance(spec, CMAESSpec) else CMAESSpec()
        return 8 * dimension**2 if chosen.covariance == "full" else 0

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return np.asarray(self._es.mean, np.float32)

    def summary(self) -> dict[str, float]:
        """Return the global step size, the spread of the parameters' deviations, and how many vectors vkd has."""
        deviations = self._es.stds
        vkd = self.hyperparameters.covariance == "vkd"
        return {
            # VkD keeps the step size in its sampler, and pycma's own at where it began.
            "sigma": float(self._es.sigma * (self._es.sm.sigma if vkd else 1)),
            "sigma_mean": float(np.mean(deviations)),
            "sigma_min": float(np.min(deviations)),
            "sigma_max": float(np.max(deviations)),
        } | ({"vectors": float(self._es.sm.k)} if vkd else {})

    def _ask(self) -> Population:
        self._drawn = 0
        if self.hyperparameters.covariance == "vkd":
            # Without a last step there is nothing to inject: at the start, after recentring, or at the end of
            # float32's resolution, where pycma would divide by its length.
            self._es.sm.flg_injection = bool(self._es.sm.dx.any())
        self._population = Population(np.array(self._es.ask(), np.float32))
        return self._population

    def _tell(self, fitness: Vector) -> None:
        penalised = subtract_l2_penalty(fitness, self._population, self.hyperparameters.l2_penalty)
        members = self._population.rows(0, len(self._population)).astype(np.float64)
        self._population = self._no_population()
        if (penalised == penalised[0]).all():
            return  # by index it would learn from noise
        if (np.ptp(members, axis=0) <= CONVERGED * np.spacing(np.abs(self.mean))).all():
            return  # pycma would learn from rounding only, shrink the deviations to 0, and divide by them
        with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
            # At the end of float32's resolution VkD no longer finds the two members that it injected.
            warnings.simplefilter("ignore")
            # Without check_points=False pycma would shorten the longest perturbations of rows it does not know.
            self._es.tell(
                list(members), np.argsort(np.argsort(-penalised, kind="stable")).tolist(), check_points=False
            )

    def _recentre(self, mean: Parameters) -> None:
        es = self._es
        es.mean = mean.astype(np.float64)
        es.pc, es.adapt_sigma.ps = np.zeros_like(es.mean), np.zeros_like(es.mean)
        if self.hyperparameters.covariance == "vkd":
            es.sm.pc, es.sm.dx, es.sm.ps = np.zeros_like(es.mean), np.zeros_like(es.mean), 0.0

    def _draw(self, *shape: int) -> Vector:
        """Stand in for ``np.random.randn``: all ``(members, dimension)`` at once, or one ``(dimension,)`` more."""
        members, dimension = shape if len(shape) > 1 else (1, *shape)
        draws = np.empty((members, dimension))
        for row in draws:
            row[:] = noise(self.problem.seed, self.generation, self._drawn, dimension)
            self._drawn += 1
        return draws.reshape(shape)

    def _start(self) -> Any:  # noqa: ANN401 - pycma is untyped
        pycma = import_module("cma.evolution_strategy")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            es = pycma.CMAEvolutionStrategy(
                self.problem.initial_mean.astype(np.float64), self.hyperparameters.sigma_init, self._options()
            )
        # It would keep up to a thousand members to look genotypes up by; here they are the phenotypes.
        es.sent_solutions = pycma.get_CMASolutionDict(functional=False)()
        return es

    def _options(self) -> dict[str, Any]:
        chosen = self.hyperparameters
        options = {
            "popsize": self.population_size,
            "CMA_diagonal": chosen.covariance == "diagonal",
            "AdaptSigma": import_module("cma.sigma_adaptation").CMAAdaptSigmaCSA,
            "CMA_mirrors": 0,
            # Rescales badly conditioned coordinates, but never wraps the search in a linear map.
            "conditioncov_alleviate": [1e8, np.inf],
            "randn": self._draw,
            "seed": np.nan,
            "verbose": -10,
            "verb_log": 0,
        }
        if chosen.covariance != "vkd":
            return options
        if self.population_size == SMALLEST_POPULATION:
            options["CMA_mu"] = 2  # from only one member of three VkD can learn nothing, and divides by it
        own = {"randn": self._draw, "kmax": chosen.vectors(self.problem.dimension)}
        sampler = import_module("cma.restricted_gaussian_sampler").GaussVkDSampler
        return dict(sampler.extend_cma_options(options | {"CMA_sampler_options": own}))

    def _no_population(self) -> Population:
        return Population(np.empty((0, self.problem.dimension), np.float32))

    def _state(self) -> State:
        es = self._es
        sampler = _SAMPLERS[self.hyperparameters.covariance][0](es.sm)
        return {
            "mean": es.mean,
            "sigma": np.array(es.sigma, np.float64),
            "iteration": np.array(es.countiter),
            "covariance_path": es.pc,
            # VkD, which has a path of its own, makes pycma's in its first generation.
            "sigma_path": getattr(es.adapt_sigma, "ps", np.zeros_like(es.mean)),
            "scaling": np.broadcast_to(es.sigma_vec.scaling, es.mean.shape),  # a scalar until it is first used
        } | {f"sampler.{name}": value for name, value in sampler.items()}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        es = self._start()
        es.mean, es.pc, es.adapt_sigma.ps = (state[k].copy() for k in ("mean", "covariance_path", "sigma_path"))
        es.sigma, es.countiter = float(state["sigma"].item()), int(state["iteration"].item())
        es.sigma_vec = import_module("cma.transformations").DiagonalDecoding(state["scaling"])
        sampler = {k.removeprefix("sampler."): v for k, v in state.items() if k.startswith("sampler.")}
        _SAMPLERS[self.hyperparameters.covariance][1](es.sm, sampler)
        es._updateBDfromSM(es.sm)
        # pycma expects both after its first generation; neither is read before it is written again.
        es.mean_old, es.timer = es.mean, import_module("cma.utilities.utils").ElapsedWCTime()
        self._es, self._population = es, self._no_population()


_Pair = tuple[Callable[[Any], State], Callable[[Any, Mapping[str, NDArray[Any]]], None]]
_SAMPLERS: Mapping[Covariance, _Pair] = {
    "full": (pycma_state.take_full, pycma_state.put_full),
    "diagonal": (pycma_state.take_diagonal, pycma_state.put_diagonal),
    "vkd": (pycma_state.take_vkd, pycma_state.put_vkd),
}

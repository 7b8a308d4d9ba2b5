"""CMA-ES with a diagonal and a few learnt vectors, through pycma's sampler VkD.

How many vectors there are is learnt too: Akimoto and Hansen, "Projection-based restricted covariance matrix
adaptation for high dimension" (2016, https://doi.org/10.1145/2908812.2908863) and "Online model selection for
restricted covariance matrix adaptation" (2016, https://doi.org/10.1007/978-3-319-45823-6_1). pycma:
https://github.com/CMA-ES/pycma.

What makes a run a pure function of its seed, and its state a few arrays:

- pycma's normal draws come from `shared.seeding`, keyed by their count within the generation; numpy's global
  generator is neither read nor seeded.
- VkD has a two-point step-size adaptation of its own: from the second generation on, the first two members lie on
  the last step and opposite to it.
- pycma is told the float32 rows that were evaluated, not the float64 points they were rounded from: fitness
  is credited to what earned it. It is told ranks, ties broken by index; where all are equal, nothing.
- `stop()` is never called, so none of its criteria, nor its clock, nor its signals file, has any effect.

pycma is imported when the first search needs it: with scipy and pyplot, which it pulls in, that takes longer than
all else that a master does to start.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.strategies.base import Parameters, Population, Problem, State, Strategy
from seedcast.services.master.strategies.blas import use_one_blas_thread
from seedcast.services.master.strategies.cma_es import CMAES, SMALLEST_POPULATION, CMAESSpec, have_converged
from seedcast.services.master.strategies.fitness_shaping import subtract_l2_penalty
from seedcast.shared.seeding import noise

Vector = NDArray[np.float64]
Sampler = Any
"""pycma is untyped."""
Arrays = Mapping[str, NDArray[Any]]


class VkDCMAES(CMAES):
    """Restricted covariance matrix adaptation. This adapter negates: fitness is maximised, pycma minimises."""

    def __init__(self, hyperparameters: CMAESSpec, problem: Problem) -> None:
        Strategy.__init__(self, hyperparameters, problem)  # it shares CMA-ES's specification, and no step
        use_one_blas_thread()
        self._drawn = 0
        """Draws of this generation so far."""
        self._es = self._start()
        self._population: Population | None = None

    @property
    def mean(self) -> Parameters:
        """The current solution ``(dimension,)``: what is tested and saved as the model."""
        return np.asarray(self._es.mean, np.float32)

    def summary(self) -> dict[str, float]:
        """Return the global step size, the spread of the parameters' deviations, and the number of vectors."""
        deviations = self._es.stds
        return {
            # VkD keeps the step size in its sampler, and pycma's own at where it began.
            "sigma": float(self._es.sigma * self._es.sm.sigma),
            "sigma_mean": float(np.mean(deviations)),
            "sigma_min": float(np.min(deviations)),
            "sigma_max": float(np.max(deviations)),
            "vectors": float(self._es.sm.k),
        }

    def _ask(self) -> Population:
        self._drawn = 0
        # Without a last step there is nothing to inject: at the start, after recentring, or at the end of
        # float32's resolution, where pycma would divide by its length.
        self._es.sm.flg_injection = bool(self._es.sm.dx.any())
        self._population = Population(np.array(self._es.ask(), np.float32))
        return self._population

    def _tell(self, fitness: Vector) -> None:
        population, self._population = self._population, None
        if population is None:
            return
        penalised = subtract_l2_penalty(fitness, population, self.hyperparameters.l2_penalty)
        members = population.rows(0, len(population)).astype(np.float64)
        if (penalised == penalised[0]).all() or have_converged(members, self.mean):
            return  # pycma would learn from noise, or from rounding until it divides by deviations of 0
        ranks = np.argsort(np.argsort(-penalised, kind="stable"))
        with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
            # At the end of float32's resolution VkD no longer finds the two members that it injected.
            warnings.simplefilter("ignore")
            # Without check_points=False pycma would shorten the longest perturbations of rows it does not know.
            self._es.tell(list(members), ranks.tolist(), check_points=False)

    def _recentre(self, mean: Parameters) -> None:
        es = self._es
        es.mean = mean.astype(np.float64)
        es.pc, es.adapt_sigma.ps = np.zeros_like(es.mean), np.zeros_like(es.mean)
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
        options = {
            "popsize": self.population_size,
            "AdaptSigma": import_module("cma.sigma_adaptation").CMAAdaptSigmaCSA,
            "CMA_mirrors": 0,
            "randn": self._draw,
            "seed": np.nan,
            "verbose": -10,
            "verb_log": 0,
        }
        if self.population_size == SMALLEST_POPULATION:
            options["CMA_mu"] = 2  # from only one member of three VkD can learn nothing, and divides by it
        own = {"randn": self._draw, "kmax": self.hyperparameters.vectors(self.problem.dimension)}
        sampler = import_module("cma.restricted_gaussian_sampler").GaussVkDSampler
        return dict(sampler.extend_cma_options(options | {"CMA_sampler_options": own}))

    def _state(self) -> State:
        es = self._es
        return {
            "mean": es.mean,
            "sigma": np.array(es.sigma, np.float64),
            "iteration": np.array(es.countiter),
            "covariance_path": es.pc,
            # VkD, which has a path of its own, makes pycma's in its first generation.
            "sigma_path": getattr(es.adapt_sigma, "ps", np.zeros_like(es.mean)),
            "scaling": np.broadcast_to(es.sigma_vec.scaling, es.mean.shape),  # a scalar until it is first used
        } | {f"sampler.{name}": value for name, value in _take(es.sm).items()}

    def _restore(self, state: Arrays) -> None:
        es = self._start()
        es.mean, es.pc, es.adapt_sigma.ps = (state[k].copy() for k in ("mean", "covariance_path", "sigma_path"))
        es.sigma, es.countiter = float(state["sigma"].item()), int(state["iteration"].item())
        es.sigma_vec = import_module("cma.transformations").DiagonalDecoding(state["scaling"])
        _put(es.sm, {k.removeprefix("sampler."): v for k, v in state.items() if k.startswith("sampler.")})
        es._updateBDfromSM(es.sm)
        # pycma expects both after its first generation; neither is read before it is written again.
        es.mean_old, es.timer = es.mean, import_module("cma.utilities.utils").ElapsedWCTime()
        self._es, self._population = es, None


_VECTORS = ("D", "V", "S", "pc", "dx")
_FLOATS = ("sigma", "sigma_fac", "ps")
_SIZES = ("k", "k_active")

_ADAPTATION = ("last_log_d", "last_log_cond_corr")
_AVERAGES = ("ema_log_sigma", "ema_log_d", "ema_log_s")
_SCALARS = ("opt_conv", "last_log_sigma", "itr_after_k_inc")
"""Of the adaptation of k too: pycma makes all of these in its first update."""


def _take(sampler: Sampler) -> State:
    """Take D (I + V diag(S) Vᵀ) D, the paths, the success rule's average and what the adaptation of k follows."""
    state: State = {name: np.asarray(getattr(sampler, name)) for name in (*_VECTORS, *_FLOATS, *_SIZES)}
    nothing = np.zeros(0)
    for name in (*_ADAPTATION, *_SCALARS):
        state[name] = np.asarray(getattr(sampler, name, nothing), np.float64)
    for name in _AVERAGES:
        state[name] = getattr(sampler, name).M if hasattr(sampler, name) else nothing
    return state


def _put(sampler: Sampler, state: Arrays) -> None:
    """Put it all back. Whether it injects members follows from the last step, dx."""
    for name in _VECTORS:
        setattr(sampler, name, state[name].copy())
    for name in _FLOATS:
        setattr(sampler, name, float(state[name].item()))
    for name in _SIZES:
        setattr(sampler, name, int(state[name].item()))
    if not state["opt_conv"].size:
        return
    for name in _ADAPTATION:
        setattr(sampler, name, state[name].copy())
    sampler.opt_conv, sampler.last_log_sigma = (float(state[name].item()) for name in _SCALARS[:2])
    sampler.itr_after_k_inc = int(state["itr_after_k_inc"].item())
    slow = sampler.opt_conv / sampler.accepted_slowdown
    moving_average = import_module("cma.restricted_gaussian_sampler").ExponentialMovingAverage
    for name, decay in zip(_AVERAGES, (slow, sampler.k_adapt_decay, sampler.k_adapt_decay), strict=True):
        average = moving_average(decay=decay, dim=state[name].shape)
        average.M = state[name].copy()
        setattr(sampler, name, average)

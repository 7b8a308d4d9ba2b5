"""`Evolution`: all that changes from one generation to the next, and all that a checkpoint holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.dispatch.batch import BatchFailed, BatchResult
from seedcast.services.master.evolution.sizing import next_population_size, refuse_absurd
from seedcast.services.master.evolution.solution import Solution
from seedcast.services.master.evolution.stages import (
    begin_strategy,
    fitness_differs,
    refuse_stages_of_another_shape,
)
from seedcast.services.master.evolution.warm_start import warm_start as start_from
from seedcast.services.master.strategies.base import Strategy
from seedcast.shared.model import Model, ModelMetadata
from seedcast.shared.observation_stats import Normaliser, ObservationStatistics
from seedcast.shared.policies.symmetry import Mirror
from seedcast.shared.spec.environment import EnvironmentDescription
from seedcast.shared.spec.experiment import ExperimentSpec, FitnessSpec
from seedcast.shared.spec.task import TaskDescription, search_space

Arrays = dict[str, NDArray[Any]]

STRATEGY = "strategy/"
"""Prefix of the strategy's arrays in a checkpoint."""
LAST_STEP = "movement/last_step"


@dataclass
class Evolution:
    """The state of a search between two generations. Plain numpy: it waits for nobody."""

    experiment: str
    whole: ExperimentSpec
    """The specification, of which `spec` is the present stage."""
    description: TaskDescription
    strategy: Strategy
    statistics: ObservationStatistics | None
    """Of the observations, where the policy normalises them."""
    episode_cap: int | None
    environment_steps: int = 0
    elapsed_seconds: float = 0.0
    core_seconds: float = 0.0
    """How long slots have worked, tests included."""
    best: Solution | None = None
    """The solution that tested best, where the specification may ask to go back to it."""
    learnt: BatchResult | None = None
    """What the last generation learnt from: with the state before it, this gives the state after it."""
    fingerprint: str | None = None
    """Only workers with this fingerprint may compute its rollouts; None: all."""
    stage: int = 0
    """Which of the curriculum's stages this is; their number: the task itself."""
    last_step: NDArray[np.float32] | None = None
    """How the last generation moved the mean ``(dimension,)``: looked at, never learnt from."""
    tested_return: float | None = None
    """The mean return of the last test, if there was one."""

    @classmethod
    def begin(
        cls,
        experiment: str,
        spec: ExperimentSpec,
        description: TaskDescription,
        warm_start: Model | None = None,
    ) -> Self:
        """Return the state before the first generation.

        Raises:
            InvalidInput: the policy does not fit the environment, the model to start from does not fit both, or
                the search would take too much memory.
        """
        space = search_space(spec, description)
        refuse_absurd(spec, space.dimension)  # before anything of that size is allocated
        mean = space.initial_parameters(spec.seed)
        statistics = None
        if isinstance(description, EnvironmentDescription) and spec.rollouts.policy.normalise_observations:
            statistics = ObservationStatistics.empty(description.observation_size)
        if warm_start is not None:
            weight = spec.warm_start_observations
            mean, statistics = start_from(warm_start, space, description, weight)
        refuse_stages_of_another_shape(spec, mean)
        first = spec.stage(0)
        strategy = begin_strategy(first, mean, space.matrices)
        return cls(experiment, spec, description, strategy, statistics, _first_cap(first))

    @property
    def spec(self) -> ExperimentSpec:
        """What holds in the present stage."""
        return self.whole.stage(self.stage)

    @property
    def generation(self) -> int:
        """Generations completed."""
        return self.strategy.generation

    @property
    def sign(self) -> int:
        """What a return is multiplied by so that larger is better: -1 where an objective is minimised."""
        return self.description.sign

    @property
    def normaliser(self) -> Normaliser | None:
        """The normaliser of the next generation: frozen until its end."""
        return self.statistics.normaliser() if self.statistics else None

    def learn(self, result: BatchResult) -> tuple[NDArray[np.float64], int]:
        """Tell the strategy a generation's results; return the fitness ``(members,)`` and the members given up.

        Raises:
            BatchFailed: a member failed and the specification says that this ends the experiment.
        """
        fitness, failed = self._fitness(result)
        steps = self.environment_steps + int(result.lengths.sum())
        self.strategy.tell(fitness, steps)
        self.environment_steps = steps
        sums, squares = result.observation_sums, result.observation_squares
        if self.statistics is not None and sums is not None and squares is not None:
            if (symmetry := self.spec.rollouts.policy.symmetry) is not None:
                mirror = Mirror(symmetry.observations, len(self.statistics.sum), "observations")
                sums, squares = mirror.evened(sums, squares)
            self.statistics.add(result.lengths, sums, squares)
        cap, description = self.spec.fitness.episode_cap, self.description
        if cap is not None and self.episode_cap is not None and isinstance(description, EnvironmentDescription):
            wanted = cap.following(self.episode_cap, result.mean_length)
            self.episode_cap = min(wanted, description.max_episode_steps)
        if self.spec.adaptive_population is not None:
            self.strategy.resize(next_population_size(self.spec, result.mean_length))
        self.learnt = result
        return fitness, failed

    def end_stage_if_due(self, training_return: float) -> None:
        """Go on to the next stage if the present one ends with the generation that was just learnt.

        ``training_return`` is the mean return of its rollouts. What the search has learnt goes on, as
        `Strategy.take_over` has it. Called once the test beside the generation is known, and before its commit.
        """
        if self.stage == len(self.whole.curriculum):
            return
        until = self.whole.curriculum[self.stage].until
        if until.reached(self.generation, self.environment_steps, training_return, self.tested_return, self.sign):
            self._enter(self.stage + 1)

    def _enter(self, stage: int) -> None:
        state, before = self.strategy.state(), self.spec
        self.stage = stage
        self.strategy = self._begin_strategy()
        self.strategy.take_over(state, before.strategy)
        if fitness_differs(before, self.spec):
            self.strategy.forget_fitness()
        if self.spec.adaptive_population is None:
            self.strategy.resize(self.spec.population_size)
        self.episode_cap = _first_cap(self.spec)

    def _begin_strategy(self) -> Strategy:
        """Return the present stage's strategy before its first generation."""
        problem = self.strategy.problem
        return begin_strategy(self.spec, problem.initial_mean, problem.matrices)

    def _fitness(self, result: BatchResult) -> tuple[NDArray[np.float64], int]:
        """Aggregate each member's episodes; a member with a failed one gets the worst fitness of the others."""
        episodes = result.fitness.reshape(-1, self.spec.episodes_per_member)
        fitness = aggregate(episodes, self.spec.fitness)
        failed = np.isnan(fitness)
        if failed.any():
            if self.spec.fitness.failed_member == "fail" or failed.all():
                first = next(iter(result.failures.values()))
                raise BatchFailed(f"{first.kind}: {first.message}")
            fitness[failed] = fitness[~failed].min()
        return fitness, int(failed.sum())

    def solution(self) -> Solution:
        """Return what a test of the current mean tests; it stays as it is while the search goes on."""
        statistics = self.statistics.copy() if self.statistics is not None else None
        return Solution(self.strategy.mean.copy(), statistics)

    def go_back(self, dropped_steps: int, dropped_seconds: float) -> None:
        """Search on around the best solution, observed through its own normaliser.

        What the dropped generation used is counted: the search has paid for it.

        Raises:
            RuntimeError: no solution has tested best yet.
        """
        if self.best is None:
            raise RuntimeError("there is no best solution to go back to")
        self.strategy.recentre(self.best.parameters)
        if self.best.statistics is not None:
            self.statistics = self.best.statistics.copy()
        self.environment_steps += dropped_steps
        self.strategy.environment_steps = self.environment_steps
        self.elapsed_seconds += dropped_seconds

    def model(self) -> Model:
        """Return the current mean as a model of the task, whatever the stage."""
        metadata = ModelMetadata(
            environment=self.whole.environment,
            description=self.description,
            policy=self.whole.policy,
            objective=self.whole.objective,
            experiment=self.experiment,
            seed=self.whole.seed,
            generation=self.generation,
            environment_steps=self.environment_steps,
            observation_count=self.statistics.count if self.statistics else 0,
        )
        return Model(parameters=self.strategy.mean.copy(), normaliser=self.normaliser, metadata=metadata)

    def checkpoint(self) -> tuple[str, Arrays]:
        """Return everything needed to go on, as a JSON header and arrays."""
        arrays = {STRATEGY + name: array for name, array in self.strategy.state().items()}
        if self.statistics is not None:
            arrays["statistics/sum"] = self.statistics.sum.copy()
            arrays["statistics/sum_of_squares"] = self.statistics.sum_of_squares.copy()
        if self.last_step is not None:
            arrays[LAST_STEP] = self.last_step
        best_observations = 0
        if self.best is not None:
            arrays |= self.best.arrays()
            best_observations = self.best.statistics.count if self.best.statistics else 0
        header = {
            "environment_steps": self.environment_steps,
            "elapsed_seconds": self.elapsed_seconds,
            "core_seconds": self.core_seconds,
            "episode_cap": self.episode_cap,
            "stage": self.stage,
            "tested_return": self.tested_return,
            "observations": self.statistics.count if self.statistics else 0,
            "best_observations": best_observations,
        }
        return json.dumps(header), arrays

    def restore(self, header: str, arrays: Arrays) -> None:
        """Go back to what `checkpoint` returned."""
        values = json.loads(header)
        self.stage = values.get("stage", 0)
        self.tested_return = values.get("tested_return")
        self.strategy = self._begin_strategy()
        self.strategy.restore(
            {name.removeprefix(STRATEGY): array for name, array in arrays.items() if name.startswith(STRATEGY)}
        )
        self.environment_steps = self.strategy.environment_steps = values["environment_steps"]
        self.elapsed_seconds = values["elapsed_seconds"]
        self.core_seconds = values.get("core_seconds", 0.0)
        self.episode_cap = values["episode_cap"]
        if self.statistics is not None:
            sums, squares = arrays["statistics/sum"], arrays["statistics/sum_of_squares"]
            self.statistics = ObservationStatistics(values["observations"], sums.copy(), squares.copy())
        self.last_step = arrays[LAST_STEP].copy() if LAST_STEP in arrays else None
        self.best = Solution.of_arrays(arrays, values.get("best_observations", 0))

    def parameters_sha256(self) -> str:
        """Return the digest of the mean, by which two runs are compared."""
        return hashlib.sha256(np.ascontiguousarray(self.strategy.mean).tobytes()).hexdigest()


def _first_cap(spec: ExperimentSpec) -> int | None:
    return spec.fitness.episode_cap.minimum if spec.fitness.episode_cap else None


def aggregate(episodes: NDArray[np.float64], spec: FitnessSpec) -> NDArray[np.float64]:
    """Turn ``(members, episodes)`` into ``(members,)``; a missing episode (NaN) makes its member's NaN."""
    if spec.aggregate == "mean":
        return np.asarray(episodes.mean(axis=1), np.float64)
    quantile = {"min": 0.0, "median": 0.5, "quantile": spec.quantile}[spec.aggregate]
    return np.asarray(np.quantile(episodes, quantile, axis=1), np.float64)

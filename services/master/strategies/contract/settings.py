"""What a contract is told of a strategy, and how it builds and runs one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.strategies.base import Parameters, Problem, State, Strategy
from seedcast.shared.frame import decode_frame, encode_frame

Fitness = NDArray[np.float64]
Landscape = Callable[[Parameters, int], Fitness]
"""Maps members ``(n, dimension)`` and the generation to their fitness ``(n,)``; the maximum is 0."""

FitnessInvariance = Literal["monotone", "affine", "none"]

SHAPINGS: Mapping[str, FitnessInvariance] = {
    "centred_ranks": "monotone",
    "nes_utilities": "monotone",
    "z_score": "affine",
    "robust_z_score": "affine",
    "raw": "none",
}
"""What is kept under each ``fitness_shaping``."""

PENALTIES = ("l2_penalty", "weight_decay")
"""Hyperparameters by which more than the fitness counts."""

TARGET = 1.0
"""Every parameter's value at the maximum; the search starts at 0."""


def sphere(members: Parameters, generation: int = 0) -> Fitness:  # noqa: ARG001
    """Return -|x - 1|²."""
    return np.asarray(-np.square(members.astype(np.float64) - TARGET).sum(axis=1))


@dataclass(frozen=True)
class Budget:
    """How far a strategy must get: the loss falls to 1/``factor`` in so many generations."""

    generations: int
    factor: float


class Settings:
    """What a subclass may declare; only `strategy` has to be."""

    strategy: ClassVar[type[Strategy]]
    hyperparameters: ClassVar[Mapping[str, Any]] = {}
    """Those that differ from the defaults; ``name`` where the class is registered under several."""

    plain: ClassVar[Mapping[str, Any]] = {}
    """Further ones, under which nothing but the fitness counts; `PENALTIES` are set to 0 anyhow."""

    dimension: ClassVar[int] = 10
    population_size: ClassVar[int] = 32

    sphere: ClassVar[Budget] = Budget(generations=200, factor=20)
    ellipsoid: ClassVar[Budget] = Budget(generations=300, factor=20)
    """Rotated, with semi-axes from 1 to 1/√1000: curvatures from 1 to 1,000."""
    noisy_sphere: ClassVar[Budget] = Budget(generations=200, factor=10)
    """Noise of standard deviation 1 on the fitness, which starts at -`dimension`."""

    fitness_invariance: ClassVar[FitnessInvariance | None] = None
    """Under which transformations of the fitness the search stays the same. None: as its ``fitness_shaping`` says,
    and all monotone ones where it has no such hyperparameter."""

    translation_invariant: ClassVar[bool] = True
    """Whether a search that starts elsewhere and is told the same goes the same way."""

    rotation_invariant: ClassVar[bool] = False
    """Whether, on average, it gets as far in a rotated landscape as in the original."""

    def spec(self, **more: Any) -> Any:  # noqa: ANN401 - the strategy's own class
        """Return the hyperparameters under test."""
        chosen = dict(self.hyperparameters) | more
        field = self.strategy.Spec.model_fields["name"]
        if not field.is_required():
            chosen = {"name": field.default} | chosen
        return self.strategy.Spec.model_validate(chosen)

    def plain_spec(self) -> Any:  # noqa: ANN401 - the strategy's own class
        """Return those under which nothing but the fitness counts."""
        penalties = [name for name in PENALTIES if name in self.strategy.Spec.model_fields]
        return self.spec(**(dict.fromkeys(penalties, 0) | dict(self.plain)))

    def build(
        self,
        seed: int = 1,
        population_size: int | None = None,
        mean: Parameters | None = None,
        spec: Any = None,  # noqa: ANN401 - the strategy's own class
    ) -> Strategy:
        """Build the strategy, by default around zero."""
        start = np.zeros(self.dimension, np.float32) if mean is None else mean
        problem = Problem(population_size or self.population_size, seed, start)
        return self.strategy(spec or self.spec(), problem)


def members_of(strategy: Strategy) -> Parameters:
    """Ask for a population and return it whole."""
    population = strategy.ask()
    return population.rows(0, len(population))


def train(strategy: Strategy, generations: int, landscape: Landscape = sphere) -> Strategy:
    """Run so many generations."""
    for _ in range(generations):
        strategy.tell(landscape(members_of(strategy), strategy.generation))
    return strategy


def made_up_fitness(strategy: Strategy) -> Fitness:
    """Return a generation's fitness by lot, the same for every strategy of that population size."""
    return np.random.default_rng(strategy.generation).normal(size=strategy.population_size)


def through_a_checkpoint(state: State) -> State:
    """Return what a checkpoint's file gives back."""
    return decode_frame(encode_frame("{}", state))[1]


def assert_same_state(one: State, other: State) -> None:
    """Compare names, types, shapes and every bit."""
    assert one.keys() == other.keys(), f"{sorted(one)} is not {sorted(other)}"
    for key, value in one.items():
        assert (value.dtype, value.shape) == (other[key].dtype, other[key].shape), key
        assert np.array_equal(value, other[key]), f"{key} differs: {value} is not {other[key]}"

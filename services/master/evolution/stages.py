"""What a curriculum asks of a strategy: that every stage can go on from the state of the one before."""

from __future__ import annotations

from typing import cast

from seedcast.services.master.strategies.base import Parameters, Problem, Strategy
from seedcast.shared.errors import InvalidInput
from seedcast.shared.low_rank import Matrix
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.strategies import STRATEGIES


def begin_strategy(spec: ExperimentSpec, mean: Parameters, matrices: tuple[Matrix, ...]) -> Strategy:
    """Return a specification's strategy before its first generation, around ``mean (dimension,)``.

    ``matrices`` are the policy's.
    """
    strategy_class = cast(type[Strategy], STRATEGIES[spec.strategy.name])
    return strategy_class(spec.strategy, Problem(spec.population_size, spec.seed, mean, matrices))


def refuse_stages_of_another_shape(spec: ExperimentSpec, mean: Parameters) -> None:
    """Refuse a stage whose strategy could not take over the state of the stage before it.

    Raises:
        InvalidInput: another optimizer, say, or a population whose size the strategy cannot change.
    """
    before = spec.stage(0)
    for number, stage in enumerate(spec.stages[1:], start=1):
        field = f"curriculum.{number}" if number < len(spec.curriculum) else f"curriculum.{number - 1}"
        resizable = cast(type[Strategy], STRATEGIES[spec.strategy.name]).resizable
        if stage.population_size != before.population_size and not resizable:
            reason = f"{spec.strategy.name} keeps the size of its population through all stages"
            raise InvalidInput.of(f"{field}.population_size", reason, stage.population_size)
        if stage.strategy != before.strategy and _shape(stage, mean) != _shape(before, mean):
            reason = "the next stage cannot go on from this one's state: another optimizer or form of the strategy"
            raise InvalidInput.of(f"curriculum.{number - 1}.strategy", reason)
        before = stage


def fitness_differs(one: ExperimentSpec, other: ExperimentSpec) -> bool:
    """Whether the same member may have another fitness: of another task, other parts of it, penalties or luck."""
    parts = ("environment", "objective", "fitness", "episodes_per_member")
    penalties = [getattr(spec.strategy, "l2_penalty", None) for spec in (one, other)]
    return penalties[0] != penalties[1] or any(getattr(one, part) != getattr(other, part) for part in parts)


def _shape(spec: ExperimentSpec, mean: Parameters) -> dict[str, tuple[tuple[int, ...], str]]:
    state = begin_strategy(spec, mean, ()).state()  # the matrices are no part of it
    return {name: (array.shape, array.dtype.str) for name, array in state.items() if name != "population_size"}

"""The registered strategies and policies, described from what their classes say of themselves."""

from __future__ import annotations

import inspect
from typing import cast

from pydantic import ValidationError

from seedcast.services.master.catalogue.schemas import (
    MemoryNeed,
    PluginDescription,
    PolicyList,
    StrategyDescription,
    StrategyList,
)
from seedcast.services.master.strategies.base import Strategy
from seedcast.shared.errors import NotFound
from seedcast.shared.spec.policy import POLICIES
from seedcast.shared.spec.strategies import STRATEGIES
from seedcast.shared.spec.strategy import StrategySpec

DIMENSIONS = (2_804, 100_000, 1_000_000)
"""A walker's policy, a large network, and the largest that strategies without matrices are measured at."""

POPULATION_SIZE = 256


def strategies() -> StrategyList:
    """Describe every registered strategy."""
    return StrategyList(strategies=[strategy(name) for name in STRATEGIES], broken=STRATEGIES.broken)


def strategy(name: str) -> StrategyDescription:
    """Describe one strategy.

    Raises:
        NotFound: no such strategy is registered.
    """
    if name not in STRATEGIES:
        raise NotFound(f"there is no strategy {name!r}, there are {', '.join(STRATEGIES)}")
    chosen = cast(type[Strategy], STRATEGIES[name])
    return StrategyDescription(
        name=name,
        summary=_summary(chosen),
        hyperparameters=chosen.Spec.model_json_schema(),
        suits=chosen.suits,
        paper=chosen.paper,
        mirrored=chosen.mirrored,
        resizable=chosen.resizable,
        memory_limit=chosen.memory_limit,
        memory=_memory(name, chosen),
    )


def need(strategy: type[Strategy], spec: StrategySpec, dimension: int) -> MemoryNeed:
    """Say what a strategy of a specification takes with a policy of so many parameters."""
    size = strategy.memory_bytes(spec, dimension, POPULATION_SIZE)
    return MemoryNeed(
        dimension=dimension,
        population_size=POPULATION_SIZE,
        bytes=size,
        fits=size <= strategy.memory_limit,
    )


def policies() -> PolicyList:
    """Describe every registered policy."""
    return PolicyList(
        policies=[
            PluginDescription(name=name, summary=_summary(policy), hyperparameters=policy.Spec.model_json_schema())
            for name, policy in POLICIES.items()
        ],
        broken=POLICIES.broken,
    )


def _memory(name: str, strategy: type[Strategy]) -> list[MemoryNeed]:
    try:
        spec = strategy.Spec(name=name)
    except ValidationError:  # a user's strategy may have hyperparameters without a default
        return []
    return [need(strategy, spec, dimension) for dimension in DIMENSIONS]


def _summary(plugin: type) -> str:
    """Return the first line of its docstring, its own and not its base's."""
    return inspect.cleandoc(plugin.__doc__ or "").partition("\n")[0]

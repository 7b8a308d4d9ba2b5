"""The registered strategies, and the discriminated union of their specifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedcast.shared.registry import Registry
from seedcast.shared.spec.strategy import StrategyClass, StrategySpec
from seedcast.shared.spec.union import registered_union, spec_fault

DECLARED = ("mirrored", "resizable", "refuse_population_size", "memory_bytes", "memory_limit", "suits", "paper")
"""What the master asks of a strategy's class; `Strategy` has all of it."""


def fault(name: str, plugin: Any) -> str | None:  # noqa: ANN401 - whatever a package brings
    """Say why an entry point is no strategy, or nothing."""
    missing = [attribute for attribute in DECLARED if not hasattr(plugin, attribute)]
    if missing:
        return f"is no strategy: it has no {', '.join(missing)}"
    return spec_fault(name, plugin, StrategySpec)


STRATEGIES: Registry[type[StrategyClass]] = Registry("seedcast.strategies", "strategy.name", fault)

if TYPE_CHECKING:
    AnyStrategySpec = StrategySpec
else:
    AnyStrategySpec = registered_union(STRATEGIES)

"""The registered strategies, and the discriminated union of their specifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.registry import Registry
from shared.spec.strategy import StrategyClass, StrategySpec
from shared.spec.union import registered_union

STRATEGIES: Registry[type[StrategyClass]] = Registry("seedcast.strategies", "strategy.name")

if TYPE_CHECKING:
    AnyStrategySpec = StrategySpec
else:
    AnyStrategySpec = registered_union(STRATEGIES)

"""The specification of a strategy: a discriminated union over the registered strategies.

The strategies themselves live with the master; this side knows only their hyperparameters and their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from shared.registry import Registry
from shared.spec.base import Spec
from shared.spec.union import registered_union


class StrategySpec(Spec):
    """Base of every strategy's hyperparameters. A subclass narrows ``name`` to a ``Literal``."""

    name: Any


class StrategyClass(Protocol):
    """What a specification has to know of a registered strategy."""

    Spec: ClassVar[type[StrategySpec]]
    mirrored: ClassVar[bool]

    @classmethod
    def refuse_population_size(cls, population_size: int) -> str | None:
        """Say why the population size does not suit the strategy, or nothing."""
        ...


STRATEGIES: Registry[type[StrategyClass]] = Registry("seedcast.strategies", "strategy.name")

if TYPE_CHECKING:
    AnyStrategySpec = StrategySpec
else:
    AnyStrategySpec = registered_union(STRATEGIES)

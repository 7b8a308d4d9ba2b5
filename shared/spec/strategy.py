"""What a specification has to know of a strategy. The strategies themselves live with the master."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from seedcast.shared.spec.base import Spec


class StrategySpec(Spec):
    """Base of every strategy's hyperparameters. A subclass narrows ``name`` to a ``Literal``."""

    name: Any


class StrategyClass(Protocol):
    """What a specification has to know of a registered strategy."""

    Spec: ClassVar[type[StrategySpec]]
    mirrored: ClassVar[bool]
    resizable: ClassVar[bool]

    @classmethod
    def refuse_population_size(cls, population_size: int) -> str | None:
        """Say why the population size does not suit the strategy, or nothing."""
        ...

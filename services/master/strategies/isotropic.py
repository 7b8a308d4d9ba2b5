"""What the strategies say of their noise whose σ is one number that is not learnt."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.low_rank import PerturbationsSpec
from seedcast.services.master.strategies.schedules import AnySchedule, Clock, factor
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]


class IsotropicOptions(StrategySpec):
    """One σ, and how it falls."""

    sigma_init: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.02, description="The standard deviation of the perturbations, at the start."
    )
    sigma_schedule: AnySchedule = Field(default=None, description="How σ falls.")
    perturbations: PerturbationsSpec = Field(
        default=PerturbationsSpec(),
        description="Full noise, or products of thin matrices (docs/low-rank.md).",
    )

    def sigma(self, clock: Clock) -> Vector:
        """Return the σ ``(1,)`` of the population that is asked for at a time."""
        return np.array([self.sigma_init * factor(self.sigma_schedule, clock)])

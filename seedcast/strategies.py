"""What the author of a strategy derives from and draws with; see examples/custom_strategy."""

from __future__ import annotations

from seedcast.services.master.strategies.base import Parameters, Problem, State, Strategy
from seedcast.services.master.strategies.population import Population
from seedcast.services.master.strategies.sampling import GaussianPopulation, sampling_bytes
from seedcast.shared.spec.strategy import StrategySpec

__all__ = [
    "GaussianPopulation",
    "Parameters",
    "Population",
    "Problem",
    "State",
    "Strategy",
    "StrategySpec",
    "sampling_bytes",
]

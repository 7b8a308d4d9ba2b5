"""The tests that a plug-in of your own has to pass; subclass them in a test file (needs pytest).

::

    from my_package import MyPolicy, MyStrategy
    from seedcast.contracts import Budget, EnvironmentContract, ObjectiveContract, PolicyContract, StrategyContract


    class TestMyStrategy(StrategyContract):
        strategy = MyStrategy
        sphere = Budget(generations=200, factor=1000)


    class TestMyPolicy(PolicyContract):
        policy = MyPolicy


    class TestMyEnvironment(EnvironmentContract):
        id = "MyEnvironment-v0"


    class TestMyObjective(ObjectiveContract):
        id = "my_objective"

Each is imported when it is asked for: a strategy's needs what the master needs, an environment's and an
objective's what workers need. ``seedcast check`` runs the same tests without a file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from seedcast.services.master.strategies.contract import Budget, FitnessInvariance, StrategyContract
    from seedcast.services.worker.environments.contract import EnvironmentContract
    from seedcast.services.worker.objectives.contract import ObjectiveContract
    from seedcast.shared.policies.contract import PolicyContract

__all__ = [
    "Budget",
    "EnvironmentContract",
    "FitnessInvariance",
    "ObjectiveContract",
    "PolicyContract",
    "StrategyContract",
]

_HOMES = {
    "Budget": "seedcast.services.master.strategies.contract",
    "EnvironmentContract": "seedcast.services.worker.environments.contract",
    "FitnessInvariance": "seedcast.services.master.strategies.contract",
    "ObjectiveContract": "seedcast.services.worker.objectives.contract",
    "PolicyContract": "seedcast.shared.policies.contract",
    "StrategyContract": "seedcast.services.master.strategies.contract",
}

pytest.register_assert_rewrite(*set(_HOMES.values()))  # failures show what was compared


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute is whatever it is
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'seedcast.contracts' has no attribute {name!r}") from None
    return getattr(import_module(home), name)

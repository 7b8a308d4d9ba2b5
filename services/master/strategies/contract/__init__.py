"""Tests that every strategy has to pass; an author runs them by subclassing `StrategyContract`.

::

    import pytest

    pytest.register_assert_rewrite("seedcast.services.master.strategies.contract")  # optional: shows values

    from my_package import MyStrategy
    from seedcast.services.master.strategies.contract import Budget, StrategyContract


    class TestMyStrategy(StrategyContract):
        strategy = MyStrategy
        sphere = Budget(generations=200, factor=1000)

pytest collects the class and its methods; what else can be declared stands in `settings.Settings`.
"""

from __future__ import annotations

from seedcast.services.master.strategies.contract.asking import AskAndTell
from seedcast.services.master.strategies.contract.changes import Changes
from seedcast.services.master.strategies.contract.describing import Describing
from seedcast.services.master.strategies.contract.invariance import Invariance
from seedcast.services.master.strategies.contract.progress import Progress
from seedcast.services.master.strategies.contract.repeating import Repeating
from seedcast.services.master.strategies.contract.settings import Budget, FitnessInvariance
from seedcast.services.master.strategies.contract.state import SavedState

__all__ = ["Budget", "FitnessInvariance", "StrategyContract"]


class StrategyContract(Progress, Repeating, SavedState, AskAndTell, Changes, Invariance, Describing):
    """Subclass it as ``TestSomething`` and set `strategy`."""

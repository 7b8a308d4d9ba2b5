"""The tests that a plug-in of your own has to pass; subclass them in a test file (needs pytest).

::

    from my_package import MyStrategy
    from seedcast.contracts import Budget, StrategyContract


    class TestMyStrategy(StrategyContract):
        strategy = MyStrategy
        sphere = Budget(generations=200, factor=1000)
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("services.master.strategies.contract")  # failures show what was compared

from services.master.strategies.contract import Budget, FitnessInvariance, StrategyContract  # noqa: E402

__all__ = ["Budget", "FitnessInvariance", "StrategyContract"]

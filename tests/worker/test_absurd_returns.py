"""Returns so large that nothing can be computed with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments import gymnasium_lanes, registry
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.units import unit


class Huge(gymnasium.Env[Any, Any]):
    """Pays ``first`` and then ``last``, in episodes of an even seed; else 1 and 1."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, first: float, last: float) -> None:
        self._pays = [first, last]
        self._left: list[float] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._left = list(self._pays) if (seed or 0) % 2 == 0 else [1.0, 1.0]
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        del action
        reward = self._left.pop(0)
        return np.zeros(2, np.float32), reward, not self._left, False, {}


@pytest.fixture
def huge(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register the environment, and have what is known of the registry forgotten before and after."""
    entry = EnvSpec("Huge-v0", entry_point=cast(Any, Huge), max_episode_steps=10)
    monkeypatch.setitem(gymnasium.registry, "Huge-v0", entry)
    caches = (gymnasium_lanes._available, registry.available)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.usefixtures("huge")
@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (1e200, 1.0, r"the return 1e+200 is beyond ±1e+30"),
        (-1e200, 1.0, r"the return -1e+200 is beyond ±1e+30"),
        (1.7e308, 1.7e308, r"the return inf is beyond ±1e+30"),
        (1e200, -1e200, r"the fitness 1e+200 is beyond ±1e+30"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_an_absurd_return_fails_its_rollout_and_no_other(first: float, last: float, message: str) -> None:
    spec = EnvironmentSpec(id="Huge-v0", engine="gymnasium", kwargs={"first": first, "last": last})
    result = run_unit(unit(spec, [1, 2, 3], [0] * 3, shaping={"drop_terminal_penalty": 100}))
    assert [(one.kind, one.message, one.rollouts) for one in result.failures] == [("invalid", message, [1])]
    np.testing.assert_array_equal(result.returns, [2, np.nan, 2])
    np.testing.assert_array_equal(result.fitness, [2, np.nan, 2])
    assert result.lengths.tolist() == [2, 0, 2]

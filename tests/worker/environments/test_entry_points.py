"""Environments of a user's package: whatever interface they were written for, they are the same environment."""

from __future__ import annotations

from collections.abc import Iterator

import gym
import gymnasium
import numpy as np
import pytest

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments import adapted, entry_points_engine, registry
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.processes import PLUGINS
from tests.units import numbers, unit

FLAVOURS = ["Gymnasium-v0", "Gym26-v0", "OldGym-v0"]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install ``tests/plugins`` for one test."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    caches = (entry_points_engine.environments, registry.available, registry._describe)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_every_flavour_is_offered_and_described() -> None:
    assert set(FLAVOURS) <= set(registry.available())
    described = [registry.describe(EnvironmentSpec(id=id_)) for id_ in FLAVOURS]
    assert {one.engine for one in described} == {"entry_points"}
    assert [one.max_episode_steps for one in described] == [1000, 10_000, 10_000]
    assert described[0].actions == described[1].actions == described[2].actions


def test_every_flavour_gives_the_same_episodes() -> None:
    results = [
        run_unit(unit(EnvironmentSpec(id=id_), [1, 2, 3, 1], [0, 1, 2, 0], collect_statistics=True))
        for id_ in FLAVOURS
    ]
    assert not any(result.failures for result in results)
    assert numbers(results[0]) == numbers(results[1]) == numbers(results[2])
    assert results[0].returns[0] == results[0].returns[3]
    assert results[0].returns[0] != results[0].returns[1]
    np.testing.assert_array_equal(results[0].observation_squares, results[2].observation_squares)


def test_an_old_done_by_the_time_limit_is_a_truncation() -> None:
    environment = adapted.modern(entry_points_engine.environments()["OldGym-v0"](scale=0.0))
    environment.reset(seed=1)
    ends = [environment.step(np.zeros(2, np.float32))[2:4] for _ in range(20)]
    assert ends == [(False, False)] * 19 + [(False, True)]
    far = adapted.modern(entry_points_engine.environments()["OldGym-v0"](scale=10.0))
    far.reset(seed=1)
    assert far.step(np.ones(2, np.float32))[2:4] == (True, False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (gym.spaces.Discrete(3, start=2), gymnasium.spaces.Discrete(3, start=2)),
        (gym.spaces.MultiDiscrete([2, 3]), gymnasium.spaces.MultiDiscrete([2, 3])),
        (gym.spaces.MultiBinary(4), gymnasium.spaces.MultiBinary(4)),
        (
            gym.spaces.Dict(a=gym.spaces.Discrete(2), b=gym.spaces.Box(0, 1, (2, 2))),
            gymnasium.spaces.Dict(a=gymnasium.spaces.Discrete(2), b=gymnasium.spaces.Box(0, 1, (2, 2))),
        ),
        (
            gym.spaces.Tuple([gym.spaces.Box(0, 255, (2,), np.uint8)]),
            gymnasium.spaces.Tuple([gymnasium.spaces.Box(0, 255, (2,), np.uint8)]),
        ),
    ],
)
def test_gym_s_spaces_become_gymnasium_s(old: object, new: object) -> None:
    assert adapted.modern_space(old) == new


def test_what_cannot_be_imported_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="no_such_module"):
        registry.describe(EnvironmentSpec(id="Broken-v0"))


@pytest.mark.parametrize("id_", FLAVOURS)
def test_unknown_kwargs_are_refused_by_name(id_: str) -> None:
    with pytest.raises(InvalidInput, match=r"environment\.kwargs: .*speed is unknown; it takes scale"):
        registry.describe(EnvironmentSpec(id=id_, kwargs={"speed": 1}))


def test_a_well_known_environment_cannot_be_replaced() -> None:
    assert list(registry.ENGINES)[-1] == "entry_points"

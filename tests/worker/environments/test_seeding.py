"""Environments are seeded in every way they have, and what does not follow its seed is found out."""

# ruff: noqa: ARG002 - environments here do as little as shows what they are for

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from numpy.typing import NDArray

from seedcast.services.worker.environments import entry_points_engine, registry
from seedcast.services.worker.environments.adapted import Adapted, modern
from seedcast.services.worker.environments.probe import seed_fault
from seedcast.services.worker.environments.seeding import Seeding
from seedcast.shared.errors import InvalidInput
from seedcast.shared.registry import _Loaded
from seedcast.shared.spec.environment import EnvironmentSpec

Observation = NDArray[np.float32]


class Old:
    """Gym's oldest interface: draws from a generator that only ``seed()`` reaches."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Box(-1, 1, (1,), np.float32)
    max_episode_steps = 20

    def __init__(self) -> None:
        self.generator = np.random.default_rng()

    def seed(self, seed: int | None = None) -> list[int | None]:
        self.generator = np.random.default_rng(seed)
        return [seed]

    def reset(self, **kwargs: Any) -> Observation:
        return self._draw()

    def step(self, action: Observation) -> tuple[Observation, float, bool, dict[str, Any]]:
        return self._draw(), float(self.generator.normal()), False, {}

    def _draw(self) -> Observation:
        return self.generator.normal(size=2).astype(np.float32)


class Named(Old):
    """Takes the seed in ``reset``, and has none elsewhere."""

    seed = None  # type: ignore[assignment]

    def reset(self, seed: int | None = None) -> Observation:  # type: ignore[override]
        self.generator = np.random.default_rng(seed)
        return self._draw()


class Passing:
    """A wrapper that passes on what ``reset`` is given."""

    def __init__(self, env: Any) -> None:
        self.env = env

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env, name)

    def reset(self, **kwargs: Any) -> Any:
        return self.env.reset(**kwargs)


class Strict(Passing):
    """A wrapper whose ``reset`` takes nothing."""

    def reset(self) -> Any:  # type: ignore[override]
        return self.env.reset()


class Bare(Old):
    """Its ``reset`` takes nothing, so that a seed would be a TypeError."""

    def reset(self) -> Observation:  # type: ignore[override]
        return self._draw()


class Sampling(gymnasium.Env[Observation, Observation]):
    """Starts where its observation space says."""

    observation_space = spaces.Box(-1, 1, (3,), np.float32)
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return self.observation_space.sample(), {}

    def step(self, action: Observation) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), float(self.action_space.sample()[0]), False, False, {}


class Modules(Sampling):
    """Draws from a generator that its module keeps."""

    generator: ClassVar[np.random.Generator] = np.random.default_rng(0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return self.generator.normal(size=3).astype(np.float32), {}


class Late(Sampling):
    """Starts as the seed says; only its fifth reward does not."""

    steps = 0

    def step(self, action: Observation) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        lottery = random.SystemRandom().random() if self.steps == 5 else 0.0
        return self.observation_space.sample(), lottery, False, False, {}


class Shared(gymnasium.Env[Observation, Observation]):
    """Says that its episodes may run side by side, and has them draw from Python's one generator."""

    side_by_side = 4
    observation_space = spaces.Box(-1, 1, (1,), np.float32)
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return self._draw(), {}

    def step(self, action: Observation) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        return self._draw(), 0.0, False, False, {}

    def _draw(self) -> Observation:
        return np.full(1, random.random(), np.float32)


class Kept(Shared):
    """Says so, too, and keeps what it has drawn where the next one puts its own."""

    kept: ClassVar[float] = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        type(self).kept = self.np_random.random()
        return np.zeros(1, np.float32), {}

    def _draw(self) -> Observation:
        return np.full(1, self.kept, np.float32)


class Alone(Shared):
    """The same, one at a time."""

    side_by_side = 1


class Brief(Shared):
    """May well say so; its episodes end early, not all at the same step."""

    def step(self, action: Observation) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        drawn = self._draw()
        return drawn, float(action[0]), bool(drawn[0] > 0.9), False, {}

    def _draw(self) -> Observation:
        return self.np_random.random(1, np.float32)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that offers a class as the environment "Tried-v0" and probes it."""

    def probe(factory: Any) -> str | None:
        monkeypatch.setattr(entry_points_engine.environments(), "_loaded", _Loaded([], {"Tried-v0": factory}))
        for cached in (registry.available, registry._describe):
            cached.cache_clear()
        spec = EnvironmentSpec(id="Tried-v0", engine="entry_points")
        return seed_fault(spec, registry.describe(spec))

    yield probe
    monkeypatch.undo()
    for cached in (registry.available, registry._describe):
        cached.cache_clear()


WRAPPED: dict[str, Callable[[], Any]] = {
    "old": Old,
    "old in a wrapper that passes on": lambda: Passing(Old()),
    "old in a wrapper that takes nothing": lambda: Strict(Old()),
    "named": Named,
    "named in a wrapper that passes on": lambda: Passing(Named()),
    "bare in a wrapper that passes on": lambda: Passing(Bare()),
    "samples its spaces": Sampling,
    "samples the spaces under a wrapper": lambda: gymnasium.wrappers.ClipAction(Sampling()),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_seed_reaches_an_environment_whatever_its_way(install: Any, name: str) -> None:
    assert install(WRAPPED[name]) is None


def test_a_seed_makes_another_episode_whatever_its_way() -> None:
    for factory in WRAPPED.values():
        environment = modern(factory())
        if isinstance(environment, Adapted):
            one, other = environment.reset(seed=1)[0], environment.reset(seed=2)[0]
            assert not np.array_equal(one, other)
            np.testing.assert_array_equal(environment.reset(seed=1)[0], one)


def test_a_wrapper_that_takes_no_seed_is_not_given_one() -> None:
    assert not Seeding(Strict(Named())).by_reset
    assert Seeding(Strict(Old())).by_method


@pytest.mark.parametrize(
    ("factory", "fault"),
    [
        (Modules, "observations of two episodes with one seed differ at its start"),
        (lambda: Strict(Named()), "observations of two episodes with one seed differ at its start"),
        (Late, "rewards of two episodes with one seed differ after step 5"),
        (Shared, "beside another episode, as its side_by_side allows, the observations of two episodes"),
        (Kept, "beside another episode, as its side_by_side allows, the observations of two episodes"),
    ],
)
def test_an_environment_that_does_not_follow_its_seed_is_found_out(install: Any, factory: Any, fault: str) -> None:
    assert fault in install(factory)


@pytest.mark.parametrize(("factory", "width"), [(Alone, 1), (Brief, 4), (lambda: Brief(), 1)])
def test_as_many_episodes_are_live_as_the_class_says(install: Any, factory: Any, width: int) -> None:
    assert install(factory) is None
    assert registry.open_lanes(EnvironmentSpec(id="Tried-v0"), [1]).width == width


@pytest.mark.parametrize("given", [0, 2.0, True, "many"])
def test_a_number_of_episodes_that_is_none_is_refused(install: Any, given: object) -> None:
    with pytest.raises(InvalidInput, match="side_by_side has to be an integer from 1"):
        install(type("Tried", (Brief,), {"side_by_side": given}))


@pytest.mark.parametrize("factory", [Alone, Brief])
def test_episodes_that_may_run_side_by_side_are_not_accused(install: Any, factory: Any) -> None:
    assert install(factory) is None


def test_a_random_map_is_found_out() -> None:
    spec = EnvironmentSpec(id="FrozenLake-v1", engine="gymnasium", kwargs={"desc": None, "map_name": None})
    faults = [seed_fault(spec, registry.describe(spec)) for _ in range(10)]  # two maps may begin alike
    assert any(faults)


@pytest.mark.parametrize("id_", ["CartPole-v1", "BipedalWalker-v3", "Pendulum-v1"])
@pytest.mark.parametrize("engine", ["envpool", "gymnasium"])
def test_a_sound_environment_is_not_accused(id_: str, engine: Any) -> None:
    spec = EnvironmentSpec(id=id_, engine=engine)
    assert seed_fault(spec, registry.describe(spec)) is None

"""Environments of any age, as Gymnasium's: what `gym` 0.26, older gym and Gymnasium itself have in common.

==============  =====================  =====================================  ===========================
flavour         ``reset`` returns      ``step`` returns                       usually seeded by
==============  =====================  =====================================  ===========================
Gymnasium, gym  observation, info      observation, reward, terminated,       ``reset(seed=)``
0.26                                   truncated, info
older gym       observation            observation, reward, done, info        ``seed()``, before ``reset``
==============  =====================  =====================================  ===========================

`seedcast.services.worker.environments.seeding` finds out how an environment is seeded.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from seedcast.services.worker.environments.answers import truth
from seedcast.services.worker.environments.gymnasium_lanes import Environment, GymnasiumLanes
from seedcast.services.worker.environments.seeding import Seeding, parameters, seed_spaces, takes
from seedcast.services.worker.environments.spaces import Observation, Space
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec

Step = tuple[Any, float, bool, bool, dict[str, Any]]


class Adapted(gymnasium.Env[Any, Any]):
    """An environment of any flavour behind Gymnasium's interface."""

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - of a class nobody here knows
        self.environment = environment
        self.observation_space = modern_space(environment.observation_space)
        self.action_space = modern_space(environment.action_space)
        self._seeding = Seeding(environment)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode, seeded in every way the environment has."""
        del options  # older environments know of none
        return _observation_and_info(self._seeding.reset(self.environment, seed))

    def step(self, action: Any) -> Step:  # noqa: ANN401 - whatever the space holds
        """Take a step; an old ``done`` is a termination unless gym's time limit says otherwise."""
        result = self.environment.step(action)
        if len(result) == 5:
            return result  # type: ignore[no-any-return]
        observation, reward, done, info = result
        over = truth(done, "done")
        truncated = over and bool(info.get("TimeLimit.truncated", False))
        return observation, reward, over and not truncated, truncated, info

    def render(self) -> Any:  # noqa: ANN401 - Gymnasium's signature
        """Draw the environment, where it does so in Gymnasium's way."""
        if isinstance(self.environment, gymnasium.Env):
            return self.environment.render()
        raise NotImplementedError

    def close(self) -> None:
        """Close the environment, if it can be."""
        if callable(close := getattr(self.environment, "close", None)):
            close()


class AdaptedLanes(GymnasiumLanes):
    """Gymnasium's lanes, with environments from elsewhere, each made for one episode."""

    def __init__(
        self,
        make: Callable[[], Environment],
        spec: EnvironmentSpec,
        description: EnvironmentDescription,
        seeds: Sequence[int],
        width: int = 1,
    ) -> None:
        super().__init__(spec, description, seeds, width)
        self._make = make

    def _start(self, lane: int) -> Observation:
        seed = int(self._seeds[lane])
        _seed_globals(seed)
        environment = self._live[lane] = self._make()
        # Once more, so that an episode does not depend on how often its making drew.
        _seed_globals(seed)
        seed_spaces(environment, seed)
        observation, _ = environment.reset(seed=seed)
        return self._flat(environment, observation)


def modern(environment: Any) -> Environment:  # noqa: ANN401 - of a class nobody here knows
    """Return an environment of any flavour as Gymnasium's."""
    seeding = Seeding(environment)
    if isinstance(environment, gymnasium.Env) and seeding.by_reset and not seeding.by_method:
        return environment
    return Adapted(environment)


def modern_space(space: Any) -> Space:  # noqa: ANN401 - gym has no types
    """Turn a space of `gym` into Gymnasium's of the same kind.

    Raises:
        InvalidInput: Gymnasium has none of that kind.
    """
    if isinstance(space, spaces.Space):
        return space
    convert = _SPACES.get(type(space).__name__)
    if convert is None:
        raise InvalidInput.of("environment.id", f"has a space of a kind that is not known here: {space}")
    return convert(space)


def check_kwargs(make: Callable[..., Any], kwargs: dict[str, Any], reserved: frozenset[str] = frozenset()) -> None:
    """Refuse, by name, what an environment's constructor does not take.

    Raises:
        InvalidInput: an argument is unknown or reserved.
    """
    if refused := sorted(reserved & kwargs.keys()):
        raise InvalidInput.of("environment.kwargs", f"{', '.join(refused)} cannot be set here")
    if unknown := sorted(name for name in kwargs if not takes(make, name)):
        known = ", ".join(name for name in parameters(make) if name not in reserved) or "none"
        raise InvalidInput.of("environment.kwargs", f"{', '.join(unknown)} is unknown; it takes {known}")


@cache
def quiet_gym() -> None:
    """Import gym without its notice that it is unmaintained, which everyone here knows.

    Raises:
        ImportError: gym is not installed.
    """
    import_module("gym_notices.notices").notices.clear()
    import_module("gym")


def _seed_globals(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)


def _observation_and_info(result: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - of either flavour
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict):
        return result
    return result, {}


_SPACES: dict[str, Callable[[Any], Space]] = {
    "Box": lambda space: spaces.Box(space.low, space.high, dtype=space.dtype.type),
    "Dict": lambda space: spaces.Dict({key: modern_space(one) for key, one in space.spaces.items()}),
    "Discrete": lambda space: spaces.Discrete(int(space.n), start=int(getattr(space, "start", 0))),
    "MultiBinary": lambda space: spaces.MultiBinary(space.n),
    "MultiDiscrete": lambda space: spaces.MultiDiscrete(space.nvec),
    "Tuple": lambda space: spaces.Tuple([modern_space(one) for one in space.spaces]),
}
"""By the name of gym's class."""

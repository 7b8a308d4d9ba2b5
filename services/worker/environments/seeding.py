"""How an environment is seeded, decided once, on the object that is called: what its wrappers hide is not there.

A seed reaches an environment by ``reset(seed=)`` (Gymnasium's, gym 0.26's), by a method ``seed`` (older ones), or
by both. Its spaces draw from generators of their own, and some environments let them draw.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any


class Seeding:
    """The ways of one environment's class."""

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - of a class nobody here knows
        self.by_method = callable(getattr(environment, "seed", None))
        self.by_reset = _reset_takes_seed(environment, unless=self.by_method)

    def reset(self, environment: Any, seed: int | None) -> Any:  # noqa: ANN401
        """Seed the environment in each of its ways, and return what its ``reset`` does."""
        if self.by_method:
            environment.seed(seed)
        return environment.reset(seed=seed) if self.by_reset else environment.reset()


def seed_spaces(environment: Any, seed: int) -> None:  # noqa: ANN401
    """Seed the spaces of an environment and of all that it wraps."""
    for one in layers(environment):
        for name in ("observation_space", "action_space"):
            if callable(seed_space := getattr(getattr(one, name, None), "seed", None)):
                seed_space(seed)


def layers(environment: Any) -> Iterator[Any]:  # noqa: ANN401
    """Return an environment and what it wraps, from the outside in."""
    seen = set[int]()
    while environment is not None and id(environment) not in seen:
        seen.add(id(environment))
        yield environment
        inside = getattr(environment, "__dict__", {})
        environment = inside.get("env", inside.get("environment"))


def takes(function: Callable[..., Any], name: str) -> bool:
    """Say whether a function may be called with an argument of this name."""
    known = parameters(function)
    return name in known or any(one.kind is one.VAR_KEYWORD for one in known.values())


def parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return a function's parameters by name; any where it does not tell: calling it will."""
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # written in C, without a signature
        return {"kwargs": inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)}


def _reset_takes_seed(environment: Any, unless: bool) -> bool:  # noqa: ANN401
    """Follow ``reset(**kwargs)`` through wrappers to one that names its arguments.

    Where the innermost takes anything, it may ignore the seed or pass it on; it is given one ``unless`` there is
    another way.
    """
    for one in layers(environment):
        if "seed" in (known := parameters(one.reset)):
            return True
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
            return False
    return not unless

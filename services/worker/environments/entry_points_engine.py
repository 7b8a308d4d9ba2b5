"""Environments of a user's package, one per entry point of the group ``seedcast.environments``.

The entry point's name is the environment's id, its value (``module:attribute``) a class or a function that is
called with the specification's kwargs and returns an environment: Gymnasium's, gym's, or one of gym's older,
4-tuple interface (`services.worker.environments.adapted`). ``examples/custom_environment`` is a complete one.

A limit of steps and a reward threshold come from the environment's ``spec`` if it has one, or from attributes
``max_episode_steps`` and ``reward_threshold``. ``side_by_side`` of the class or function is how many episodes may
be live at once, where they draw from no global generator (`services.worker.environments.gymnasium_lanes`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any, ClassVar

from seedcast.services.worker.environments.adapted import AdaptedLanes, check_kwargs, modern, quiet_gym
from seedcast.services.worker.environments.answers import FOREIGN
from seedcast.services.worker.environments.base import ANY_NUMBER, DEFAULT_MAX_EPISODE_STEPS
from seedcast.services.worker.environments.gymnasium_lanes import Environment, closed_after, side_by_side
from seedcast.services.worker.environments.spaces import action_space, observation_size
from seedcast.shared.errors import InvalidInput
from seedcast.shared.registry import Registry, found
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec

GROUP = "seedcast.environments"


def fault(id_: str, factory: Any) -> str | None:  # noqa: ANN401 - whatever a package brings
    """Say why an entry point is no environment, or nothing."""
    if not re.fullmatch(r"[\w./:-]{1,200}", id_):
        return "its name may hold only letters, digits and _ . / : -"
    return None if callable(factory) else f"is nothing that can be called, but {type(factory).__name__}"


@cache
def environments() -> Registry[Any]:
    """Return the factories by id, once per process."""
    if found(GROUP):
        with suppress(ImportError):
            quiet_gym()  # in case that a package imports it
    return Registry(GROUP, "environment.id", fault)


class EntryPointsEngine:
    """Whatever the installed packages bring."""

    name: ClassVar[str] = "entry_points"

    def available(self) -> frozenset[str]:
        """Return the names of the entry points that can be imported."""
        return frozenset(environments())

    def takes(self, spec: EnvironmentSpec) -> bool:  # noqa: ARG002 - the engine protocol's signature
        """Say yes: which kwargs are wrong, the description says."""
        return True

    def describe(self, spec: EnvironmentSpec) -> EnvironmentDescription:
        """Make an environment and look at its spaces."""
        side_by_side(environments()[spec.id])
        with closed_after(_checked(spec)) as environment:
            limit = spec.max_episode_steps or _stated(environment, "max_episode_steps")
            threshold = _stated(environment, "reward_threshold")
            return EnvironmentDescription(
                observation_size=observation_size(environment.observation_space),
                actions=action_space(environment.action_space),
                max_episode_steps=int(limit or DEFAULT_MAX_EPISODE_STEPS),
                reward_threshold=None if threshold is None else float(threshold),
                engine=self.name,
            )

    def lanes_at_once(self, spec: EnvironmentSpec) -> int:  # noqa: ARG002 - the engine protocol's signature
        """Return any number: a lane is a seed until its episode starts."""
        return ANY_NUMBER

    def open_lanes(
        self, spec: EnvironmentSpec, description: EnvironmentDescription, seeds: Sequence[int]
    ) -> AdaptedLanes:
        """Remember the seeds; an environment is made when its episode starts."""
        width = side_by_side(environments()[spec.id])
        return AdaptedLanes(partial(_make, spec), spec, description, seeds, width)


def _checked(spec: EnvironmentSpec) -> Environment:
    check_kwargs(environments()[spec.id], spec.kwargs)
    try:
        return _make(spec)
    except InvalidInput:
        raise
    except FOREIGN as error:
        field = "environment.kwargs" if spec.kwargs else "environment.id"
        reason = f"{spec.id} cannot be made ({type(error).__name__}: {error})"
        raise InvalidInput.of(field, reason) from error


def _make(spec: EnvironmentSpec) -> Environment:
    return modern(environments()[spec.id](**spec.kwargs))


def _stated(environment: Environment, name: str) -> Any:  # noqa: ANN401 - a number, if its author kept to it
    original = getattr(environment, "environment", environment)
    stated = getattr(getattr(original, "spec", None), name, None)
    return getattr(getattr(original, "unwrapped", original), name, None) if stated is None else stated

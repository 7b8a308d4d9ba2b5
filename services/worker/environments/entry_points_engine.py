"""Environments of a user's package, one per entry point of the group ``seedcast.environments``.

The entry point's name is the environment's id, its value (``module:attribute``) a class or a function that is
called with the specification's kwargs and returns an environment: Gymnasium's, gym's, or one of gym's older,
4-tuple interface (`services.worker.environments.adapted`). ``examples/custom_environment`` is a complete one.

A limit of steps and a reward threshold come from the environment's ``spec`` if it has one, or from attributes
``max_episode_steps`` and ``reward_threshold``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

from services.worker.environments.adapted import AdaptedLanes, check_kwargs, modern, quiet_gym
from services.worker.environments.answers import FOREIGN
from services.worker.environments.base import ANY_NUMBER, DEFAULT_MAX_EPISODE_STEPS
from services.worker.environments.gymnasium_lanes import Environment, closed_after
from services.worker.environments.spaces import action_space, observation_size
from shared.errors import InvalidInput
from shared.spec.environment import EnvironmentDescription, EnvironmentSpec

GROUP = "seedcast.environments"


class EntryPointsEngine:
    """Whatever the installed packages bring."""

    name: ClassVar[str] = "entry_points"

    def available(self) -> frozenset[str]:
        """Return the entry points' names; nothing is imported before it is asked for."""
        return frozenset(_points())

    def takes(self, spec: EnvironmentSpec) -> bool:  # noqa: ARG002 - the engine protocol's signature
        """Say yes: kwargs are only known to be wrong once the package is imported."""
        return True

    def describe(self, spec: EnvironmentSpec) -> EnvironmentDescription:
        """Make an environment and look at its spaces."""
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
        return AdaptedLanes(partial(_make, spec), spec, description, seeds)


def _checked(spec: EnvironmentSpec) -> Environment:
    try:
        factory = _factory(spec.id)
    except FOREIGN as error:
        reason = f"cannot be imported ({type(error).__name__}: {error})"
        raise InvalidInput.of("environment.id", reason, spec.id) from error
    check_kwargs(factory, spec.kwargs)
    try:
        return _make(spec)
    except InvalidInput:
        raise
    except FOREIGN as error:
        field = "environment.kwargs" if spec.kwargs else "environment.id"
        reason = f"{spec.id} cannot be made ({type(error).__name__}: {error})"
        raise InvalidInput.of(field, reason) from error


def _make(spec: EnvironmentSpec) -> Environment:
    return modern(_factory(spec.id)(**spec.kwargs))


def _stated(environment: Environment, name: str) -> Any:  # noqa: ANN401 - a number, if its author kept to it
    original = getattr(environment, "environment", environment)
    stated = getattr(getattr(original, "spec", None), name, None)
    return getattr(getattr(original, "unwrapped", original), name, None) if stated is None else stated


@cache
def _factory(id_: str) -> Any:  # noqa: ANN401 - a class or a function of the user's
    with suppress(ImportError):
        quiet_gym()  # in case the package imports it
    return _points()[id_].load()


@cache
def _points() -> dict[str, EntryPoint]:
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: point for point in points if re.fullmatch(r"[\w./:-]{1,200}", point.name)}

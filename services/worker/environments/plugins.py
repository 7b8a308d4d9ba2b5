"""Gymnasium's registry, with the environments of installed packages in it.

A package names, in the entry point group ``gymnasium.envs``, a function that registers its environments with
Gymnasium, or a module whose import does. Gymnasium itself stopped reading its group in 1.x, so it is read here.
One that would rather not know of a registry names its environments in the group ``seedcast.environments``
(`seedcast.services.worker.environments.entry_points_engine`).
"""

from __future__ import annotations

import logging
import warnings
from functools import cache
from importlib.metadata import EntryPoint

import gymnasium
from gymnasium.envs.registration import EnvSpec

from seedcast.shared.registry import FOREIGN, Plugin, described, failure, found

GROUP = "gymnasium.envs"
log = logging.getLogger(__name__)

COURSE = "BipedalWalkerCourse-v0"
"""What Seedcast adds to Gymnasium's registry, before anybody else has a turn."""

gymnasium.register(
    COURSE,
    entry_point="seedcast.services.worker.environments.walker_course:BipedalWalkerCourse",
    max_episode_steps=2000,
)


def registry() -> dict[str, EnvSpec]:
    """Return Gymnasium's registry after every plug-in had its turn, once per process."""
    plugins()
    return gymnasium.registry


@cache
def plugins() -> tuple[Plugin, ...]:
    """Return the packages that were given a turn, by name."""
    points = [point for _, points in sorted(found(GROUP).items()) for point in points]
    return tuple(described(point, _load(point)) for point in points)


def _load(point: EntryPoint) -> str | None:
    """Have a package register its environments, and say what is wrong with it, or nothing."""
    before = dict(gymnasium.registry)
    try:
        with warnings.catch_warnings():  # what it replaces is put back below, and said in our own words
            warnings.filterwarnings("ignore", message=".*Overriding environment")
            register = point.load()
            if callable(register):
                register()
    except FOREIGN as error:  # a broken plug-in costs its own environments, not the worker
        log.warning("the environments of %s (%s) cannot be registered", point.name, point.value, exc_info=error)
        return failure(error)
    finally:
        replaced = sorted(id_ for id_, entry in before.items() if gymnasium.registry.get(id_) is not entry)
        gymnasium.registry.update(before)
    if replaced:
        return f"may not replace the environments of others: {', '.join(replaced)}"
    return None

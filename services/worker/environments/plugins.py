"""Gymnasium's registry, with the environments of installed packages in it.

A package names, in the entry point group ``gymnasium.envs``, a function that registers its environments with
Gymnasium, or a module whose import does. Gymnasium itself stopped reading its group in 1.x, so it is read here.
One that would rather not know of a registry names its environments in the group ``seedcast.environments``
(`services.worker.environments.entry_points_engine`).
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import gymnasium
from gymnasium.envs.registration import EnvSpec

GROUP = "gymnasium.envs"
log = logging.getLogger(__name__)


@cache
def registry() -> dict[str, EnvSpec]:
    """Return Gymnasium's registry after every plug-in had its turn, once per process."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        _load(point)
    return gymnasium.registry


def _load(point: EntryPoint) -> None:
    try:
        register = point.load()
        if callable(register):
            register()
    except Exception:  # a broken plug-in costs its own environments, not the worker
        log.exception("the environments of %s (%s) cannot be registered", point.name, point.value)

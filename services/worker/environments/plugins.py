"""Gymnasium's registry, with the environments of installed packages in it.

A package names, in the entry point group ``seedcast.environments`` or ``gymnasium.envs``, a function that
registers its environments with Gymnasium, or a module whose import does. Gymnasium itself stopped reading
its group in 1.x, so it is read here.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import gymnasium
from gymnasium.envs.registration import EnvSpec

GROUPS = ("gymnasium.envs", "seedcast.environments")
log = logging.getLogger(__name__)


@cache
def registry() -> dict[str, EnvSpec]:
    """Return Gymnasium's registry after every plug-in had its turn, once per process."""
    for group in GROUPS:
        for point in sorted(entry_points(group=group), key=lambda point: point.name):
            _load(point)
    return gymnasium.registry


def _load(point: EntryPoint) -> None:
    try:
        register = point.load()
        if callable(register):
            register()
    except Exception:  # a broken plug-in costs its own environments, not the worker
        log.exception("the environments of %s (%s) cannot be registered", point.name, point.value)

"""The only door to `pybullet_envs`: gives it, while it is imported, the surroundings it was written for.

It looks for ``registry.env_specs`` (gone in gym 0.26), ``pkg_resources`` (gone in setuptools 81) and ``distutils``
(gone in Python 3.12), puts folders of its own at the head of ``sys.path``, and it and PyBullet print. Nothing of
that outlives the import.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from seedcast.services.worker.environments.adapted import quiet_gym

MODULES = (
    "bullet.motor",
    "bullet.minitaur",
    "bullet.minitaur_gym_env",
    "gym_locomotion_envs",
    "gym_manipulator_envs",
    "gym_pendulum_envs",
)


@cache
def pybullet_envs() -> dict[str, ModuleType]:
    """Return the modules of `pybullet_envs` that matter here, by name.

    Raises:
        ImportError: PyBullet or gym is not installed.
    """
    with silence(), _old_surroundings():
        return {name: import_module(f"pybullet_envs.{name}") for name in MODULES}


@cache
def pybullet() -> Any:  # noqa: ANN401 - PyBullet has no types
    """Return PyBullet itself, imported without its greeting."""
    with silence():
        return import_module("pybullet")


def connect() -> Any:  # noqa: ANN401 - PyBullet has no types
    """Start a simulation of its own in this process; it ends with the last reference to it."""
    with silence():
        return _client_class()()


@contextmanager
def silence() -> Iterator[None]:
    """Discard what is written to standard output and error, by C too."""
    _flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
        for number in kept:
            os.dup2(nothing.fileno(), number)
        try:
            yield
        finally:
            _flush()
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)


@cache
def _client_class() -> type[Any]:
    base: Any = import_module("pybullet_utils.bullet_client").BulletClient

    class Client(base):  # type: ignore[misc, unused-ignore]
        """Looks every function up once, and never joins a server that happens to run on this machine."""

        def __init__(self) -> None:
            super().__init__(connection_mode=pybullet().DIRECT)

        def __del__(self, is_ending: Callable[[], bool] = sys.is_finalizing) -> None:
            if not is_ending():  # with the process everything is disconnected, and half of Python is gone already
                super().__del__()

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - PyBullet has no types
            value = super().__getattr__(name)
            if name != "disconnect":
                setattr(self, name, value)
            return value

    return Client


class _OldRegistry(dict[str, Any]):
    """gym's registry as it was before 0.26."""

    @property
    def env_specs(self) -> dict[str, Any]:
        return self


def _parse_version(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _gone() -> dict[str, ModuleType]:
    """Return stand-ins for what is gone, with no more in them than an import looks for."""
    resources: Any = ModuleType("pkg_resources")
    resources.parse_version = _parse_version
    distutils: Any = ModuleType("distutils")
    distutils.dir_util = ModuleType("distutils.dir_util")
    return {"pkg_resources": resources, "distutils": distutils, "distutils.dir_util": distutils.dir_util}


@contextmanager
def _old_surroundings() -> Iterator[None]:
    quiet_gym()
    registration = import_module("gym.envs.registration")
    gone = _gone()
    registry, path = registration.registry, list(sys.path)
    real = {name: module for name in gone if (module := sys.modules.get(name))}
    setattr(registration, "registry", _OldRegistry(registry))  # noqa: B010 - mypy knows no gym
    sys.modules.update(gone)
    try:
        yield
    finally:
        registry.update(registration.registry)
        setattr(registration, "registry", registry)  # noqa: B010
        sys.path[:] = path
        for name in gone:
            del sys.modules[name]
        sys.modules.update(real)

"""Every environment of this worker with its family and its sizes, for people to choose from.

Those that EnvPool has and that are not offered are listed, too, with the reason: people look for them.
"""

from __future__ import annotations

from functools import cache

from seedcast.services.worker.environments import envpool_families
from seedcast.services.worker.environments.envpool_lanes import EnvPoolEngine
from seedcast.services.worker.environments.envpool_package import modules
from seedcast.services.worker.environments.gymnasium_lanes import GymnasiumEngine
from seedcast.services.worker.environments.plugins import COURSE, registry
from seedcast.services.worker.environments.pybullet_lanes import PyBulletEngine
from seedcast.services.worker.environments.registry import ENGINES, ENVPOOL, available, describe
from seedcast.shared.errors import InvalidInput
from seedcast.shared.protocol import EnvironmentCatalogue, OfferedEnvironment
from seedcast.shared.spec.environment import EnvironmentSpec

FAMILIES = {"box2d": "Box2D", "classic_control": "classic control", "mujoco": "MuJoCo", "toy_text": "toy text"}
"""Gymnasium's own, by module."""

OWN = "gymnasium.envs."
PACKAGES = "installed packages"
"""The family of users' environments. They are described when they are used: who knows what making one takes."""


@cache
def catalogue() -> EnvironmentCatalogue:
    """Return all environments by id, each on the engine that `auto` chooses, and those refused."""
    offered = {id_: _offered(id_) for id_ in available()}
    for id_, reason in ENVPOOL.refused().items():
        family = envpool_families.family(modules()[id_])
        offered.setdefault(id_, OfferedEnvironment(id=id_, family=family, engine=ENVPOOL.name, refusal=reason))
    return EnvironmentCatalogue(environments=[offered[id_] for id_ in sorted(offered)])


def _offered(id_: str) -> OfferedEnvironment:
    engine = next(name for name, engine in ENGINES.items() if id_ in engine.available())
    family = _family(id_, engine)
    row = OfferedEnvironment(id=id_, family=family, engine=engine)
    if family == PACKAGES:
        return row
    try:
        description = describe(EnvironmentSpec(id=id_))
    except InvalidInput as error:
        return row.model_copy(update={"refusal": " ".join(error.errors[0].reason.split())[:300]})
    return OfferedEnvironment(id=id_, family=family, **description.model_dump(exclude={"seed_fault"}))


def _family(id_: str, engine: str) -> str:
    if engine == EnvPoolEngine.name:
        return envpool_families.family(modules()[id_])
    if engine == PyBulletEngine.name:
        return "PyBullet"
    if id_ == COURSE:
        return "Box2D"
    entry_point = registry()[id_].entry_point if engine == GymnasiumEngine.name else None
    if isinstance(entry_point, str) and entry_point.startswith(OWN):
        module = entry_point.removeprefix(OWN).partition(".")[0]
        return FAMILIES.get(module, module)
    return PACKAGES

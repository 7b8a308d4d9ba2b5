"""The environments of this worker, whichever engine runs them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache, lru_cache

from seedcast.services.worker.environments import envpool_lanes, gymnasium_lanes
from seedcast.services.worker.environments.answers import FOREIGN
from seedcast.services.worker.environments.base import DrawnLanes, Engine
from seedcast.services.worker.environments.entry_points_engine import EntryPointsEngine, environments
from seedcast.services.worker.environments.envpool_lanes import EnvPoolEngine
from seedcast.services.worker.environments.gymnasium_lanes import GymnasiumEngine
from seedcast.services.worker.environments.plugins import plugins
from seedcast.services.worker.environments.pybullet_lanes import PyBulletEngine
from seedcast.shared.errors import InvalidInput
from seedcast.shared.registry import Plugin
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec

ENVPOOL = EnvPoolEngine()
ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (ENVPOOL, PyBulletEngine(), GymnasiumEngine(), EntryPointsEngine())
}
"""In the order in which ``auto`` tries them: no package can quietly replace an environment that is well known."""


def import_own() -> None:
    """Import what makes the environments that Seedcast's own engines have; no package of a user's.

    It is most of what a process takes to be ready, and can be done before others are forked from it.
    """
    envpool_lanes.import_own()
    gymnasium_lanes.import_own()


@cache
def available() -> list[str]:
    """Return every environment id, sorted."""
    return sorted(set().union(*(engine.available() for engine in ENGINES.values())))


def broken_plugins() -> list[Plugin]:
    """Return the packages of environments that cannot be used, each with the reason."""
    return [*environments().broken, *(plugin for plugin in plugins() if plugin.broken)]


def describe(spec: EnvironmentSpec) -> EnvironmentDescription:
    """Say what an environment observes and takes.

    Raises:
        InvalidInput: the id is unknown, its kwargs are wrong, or no policy can act in it.
    """
    return _describe(spec.model_dump_json())


def open_lanes(spec: EnvironmentSpec, seeds: Sequence[int]) -> DrawnLanes:
    """Make one lane per seed; close them after use.

    Raises:
        InvalidInput: as `describe`.
    """
    description = describe(spec)
    return ENGINES[description.engine].open_lanes(spec, description, seeds)


def lanes_at_once(spec: EnvironmentSpec) -> int:
    """Return how many lanes of an environment may be open together.

    Raises:
        InvalidInput: as `describe`.
    """
    return ENGINES[describe(spec).engine].lanes_at_once(spec)


@lru_cache(maxsize=64)
def _describe(spec_json: str) -> EnvironmentDescription:
    # A description is a pure function of the specification, and Gymnasium has to make an environment for it.
    spec = EnvironmentSpec.model_validate_json(spec_json)
    try:
        return _engine(spec).describe(spec)
    except InvalidInput:
        raise
    except FOREIGN as error:  # whatever its author did not think of
        reason = f"{spec.id} cannot be described ({type(error).__name__}: {error})"
        raise InvalidInput.of("environment.id", reason) from error


def _engine(spec: EnvironmentSpec) -> Engine:
    engines = list(ENGINES.values()) if spec.engine == "auto" else [ENGINES[spec.engine]]
    having = [engine for engine in engines if spec.id in engine.available()]
    if not having:
        raise _refusal(spec, engines)
    # Where none takes the kwargs, the first one's description says why.
    return next((engine for engine in having if engine.takes(spec)), having[0])


def _refusal(spec: EnvironmentSpec, engines: Sequence[Engine]) -> InvalidInput:
    for plugin in environments().broken:
        if plugin.name == spec.id:
            return InvalidInput.of("environment.id", f"cannot be used: {plugin.broken}", spec.id)
    known = sorted({id_ for engine in engines for id_ in engine.available()})
    near = difflib.get_close_matches(spec.id, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"GET /info lists all {len(known)}"
    if (reason := ENVPOOL.why_not(spec.id)) and ENVPOOL in engines:
        return InvalidInput.of("environment.id", f"{reason}; {hint}", spec.id)
    if elsewhere := [name for name, engine in ENGINES.items() if spec.id in engine.available()]:
        return InvalidInput.of("environment.engine", f"has no {spec.id}, which {elsewhere[0]} has", spec.engine)
    where = "this worker" if spec.engine == "auto" else spec.engine
    return InvalidInput.of("environment.id", f"is not an environment of {where}; {hint}", spec.id)

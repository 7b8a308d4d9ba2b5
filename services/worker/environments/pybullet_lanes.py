"""Environments that `pybullet_envs` ships: the Minitaur of the 2019 sample, the locomotion tasks, the pendulums.

They keep gym's oldest interface and draw from Python's and numpy's global generators (the Minitaur's randomiser)
or from a generator seeded by ``seed()`` (the others), so both are seeded for every episode. An episode gets an
environment of its own. Its simulation is one that an earlier episode of the same specification has used,
emptied: connecting anew costs 15 ms, clearing and loading again 6 ms, and the bits are the same. It is never
shared between specifications, because PyBullet's clearing keeps a few engine parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from seedcast.services.worker.environments.adapted import Adapted, AdaptedLanes, check_kwargs
from seedcast.services.worker.environments.answers import FOREIGN
from seedcast.services.worker.environments.base import ANY_NUMBER, DEFAULT_MAX_EPISODE_STEPS, Picture
from seedcast.services.worker.environments.pybullet_adapter import connect, pybullet_envs
from seedcast.services.worker.environments.pybullet_camera import VIEWS, View
from seedcast.services.worker.environments.spaces import action_space, observation_size
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec

MINITAUR = "MinitaurBulletEnv-v0"
FAMILIES = {
    "gym_locomotion_envs": (
        "Ant", "HalfCheetah", "Hopper", "Humanoid", "HumanoidFlagrun", "Walker2D",
    ),
    "gym_manipulator_envs": ("Reacher",),
    "gym_pendulum_envs": ("InvertedDoublePendulum", "InvertedPendulum", "InvertedPendulumSwingup"),
}  # fmt: skip
"""By module of `pybullet_envs`. HumanoidFlagrunHarder is left out: one in forty of its episodes comes out
otherwise, depending on what the process has simulated before."""

RESERVED = frozenset({"client", "render", "robot", "urdf_root"})
"""Windows, files and objects of the process, which are nobody's to choose over the network."""


class PyBulletEngine:
    """What `pybullet_envs` has and what works; nothing where PyBullet is not installed."""

    name: ClassVar[str] = "pybullet"

    def available(self) -> frozenset[str]:
        """Return the ids, which are those of `pybullet_envs`; it is imported when one is asked for."""
        if not all(find_spec(package) for package in ("gym", "pybullet", "pybullet_envs")):
            return frozenset()  # there is no wheel for this platform
        return frozenset({MINITAUR, *_TASKS})

    def takes(self, spec: EnvironmentSpec) -> bool:  # noqa: ARG002 - the engine protocol's signature
        """Say yes: no other engine has these environments."""
        return True

    def describe(self, spec: EnvironmentSpec) -> EnvironmentDescription:
        """Make an environment and look at its spaces."""
        environment = _checked(spec)
        registered = import_module("gym.envs.registration").registry[spec.id]
        limit = spec.max_episode_steps or registered.max_episode_steps or DEFAULT_MAX_EPISODE_STEPS
        return EnvironmentDescription(
            observation_size=observation_size(environment.observation_space),
            actions=action_space(environment.action_space),
            max_episode_steps=limit,
            reward_threshold=registered.reward_threshold,
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


class Simulated(Adapted):
    """An environment on a borrowed simulation, which outlives it."""

    def __init__(self, environment: Any, client: Any, view: View) -> None:  # noqa: ANN401 - PyBullet has no types
        super().__init__(environment)
        self._client = client
        self._view = view

    @property
    def metadata(self) -> dict[str, Any]:  # type: ignore[override]
        """Say how many steps make a second, once an episode has started."""
        seconds = self._client.getPhysicsEngineParameters()["fixedTimeStep"]
        repeats = getattr(self.environment, "_action_repeat", 1)  # the Minitaur's
        return {"render_modes": ["rgb_array"], "render_fps": 1 / (seconds * repeats)}

    def render(self) -> Picture:
        """Look at the robot from beside it."""
        return self._view.picture(self._client, self.environment)

    def close(self) -> None:
        """Nothing: the next episode's environment clears the simulation."""


def _checked(spec: EnvironmentSpec) -> Simulated:
    try:
        class_ = _class(spec.id)
    except FOREIGN as error:
        reason = f"pybullet_envs cannot be imported ({type(error).__name__}: {error})"
        raise InvalidInput.of("environment.id", reason, spec.id) from error
    check_kwargs(class_, spec.kwargs, RESERVED)
    if spec.kwargs.get("env_randomizer") is not None:
        raise InvalidInput.of("environment.kwargs", "env_randomizer can only be null, for none")
    try:
        environment = _make(spec)
        environment.reset(seed=0)  # some take anything, and fail on it later
    except FOREIGN as error:
        reason = f"{spec.id} cannot be made ({type(error).__name__}: {error})"
        raise InvalidInput.of("environment.kwargs", reason) from error
    return environment


def _make(spec: EnvironmentSpec) -> Simulated:
    client = _client(spec.model_dump_json(include={"id", "kwargs"}))
    view = VIEWS[_module(spec.id)]
    if spec.id == MINITAUR:
        # Imported late: without PyBullet there is no such class.
        from seedcast.services.worker.environments.pybullet_minitaur import Minitaur

        return Simulated(Minitaur(client, **spec.kwargs), client, view)
    return Simulated(_on(client, _class(spec.id)(**spec.kwargs)), client, view)


def _on(client: Any, environment: Any) -> Any:  # noqa: ANN401 - PyBullet has no types
    """Put a simulation where an environment's first ``reset`` would make one."""
    client.resetSimulation()
    client.setPhysicsEngineParameter(deterministicOverlappingPairs=1)
    environment._p = client
    environment.physicsClientId = client._client
    environment.ownsPhysicsClient = True
    return environment


@lru_cache(maxsize=1)
def _client(spec: str) -> Any:  # noqa: ANN401, ARG001 - PyBullet has no types; the key keeps them apart
    return connect()


def _class(id_: str) -> Any:  # noqa: ANN401 - PyBullet has no types
    return getattr(pybullet_envs()[_module(id_)], id_.removesuffix("-v0"))


def _module(id_: str) -> str:
    return _TASKS.get(id_, "bullet.minitaur_gym_env")


_TASKS = {f"{name}BulletEnv-v0": module for module, names in FAMILIES.items() for name in names}

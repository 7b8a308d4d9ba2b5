"""Environments that EnvPool runs, compiled, three to four times as fast as Gymnasium's.

EnvPool ignores ``reset(seed=)``: a lane's seed is fixed when its pool is made, and a lane that is reset again
depends on its history. What gives the same bits under any schedule is a fresh pool with one lane per rollout,
of which only the live lanes are stepped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from seedcast.services.worker.environments import envpool_pictures
from seedcast.services.worker.environments.base import (
    DEFAULT_MAX_EPISODE_STEPS,
    LaneFailure,
    Observations,
    Picture,
    Step,
)
from seedcast.services.worker.environments.envpool_families import why_not
from seedcast.services.worker.environments.envpool_package import envpool, modules
from seedcast.services.worker.environments.envpool_spaces import Actions, Observed, actions_of, flat, names_a_file
from seedcast.services.worker.environments.plugins import registry
from seedcast.shared.errors import InvalidInput
from seedcast.shared.registry import found
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec

NO_LIMIT = 2**31 - 1
"""What EnvPool calls an episode without a limit."""

OWN_LIMIT = 0
"""What it calls one whose level sets its limit (half of BabyAI: 2 to 2,304 steps), on which its reward depends."""

WIDTH = 24
"""Live lanes. With more, their worlds push each other out of the cache: 64 may lose a third. With fewer, handing
actions to EnvPool's thread and waiting for it, with the engine's own work 50 µs a call, is shared by too few."""

SMALL_WIDTH = 1024
"""Of environments that are a few numbers each, whose step (under 1 µs) is nothing beside the call."""

RESERVED = frozenset(
    {
        "base_path", "batch_size", "env_name", "env_seed", "from_pixels", "gym_reset_return_info",
        "max_episode_steps", "max_num_players", "num_envs", "num_threads", "render_mode", "reward_threshold",
        "seed", "task_name", "thread_affinity_offset",
    }
)  # fmt: skip
"""Settings of the pool, not of the environment, and names: which environment it is, the id says."""

ANOTHER = "is another environment in Gymnasium or an installed package, or one that Gymnasium has given up"
"""Why what EnvPool calls so is not offered."""


class EnvPoolEngine:
    """EnvPool's share of the environments."""

    name: ClassVar[str] = "envpool"

    def available(self) -> frozenset[str]:
        """Return the ids of the families offered; of those that Gymnasium has too, what is the same there."""
        return _available()

    def refused(self) -> dict[str, str]:
        """Return the ids that EnvPool has and that are not offered, each with the reason."""
        return {id_: reason for id_ in modules() if (reason := self.why_not(id_))}

    def why_not(self, id_: str) -> str | None:
        """Say why an environment that EnvPool has is not offered; None where there is no such reason."""
        if id_ not in modules() or id_ in self.available():
            return None
        return why_not(id_, modules()[id_]) or ANOTHER

    def takes(self, spec: EnvironmentSpec) -> bool:
        """Say whether EnvPool accepts the kwargs."""
        try:
            _checked(spec)
        except InvalidInput:
            return False
        return True

    def describe(self, spec: EnvironmentSpec) -> EnvironmentDescription:
        """Describe from EnvPool's own specification; no environment is made."""
        pool_spec = _checked(spec)
        limit = spec.max_episode_steps or int(pool_spec.config.max_episode_steps)
        return EnvironmentDescription(
            observation_size=Observed.of(pool_spec).size,
            actions=actions_of(pool_spec),
            max_episode_steps=DEFAULT_MAX_EPISODE_STEPS if limit in (OWN_LIMIT, NO_LIMIT) else limit,
            reward_threshold=_reward_threshold(pool_spec, spec.id),
            engine=self.name,
        )

    def lanes_at_once(self, spec: EnvironmentSpec) -> int:
        """Return 256, or more where a lane is a few numbers; others take 0.2 to 2 MiB each."""
        return 4096 if _is_small(spec.id) else 256

    def open_lanes(
        self, spec: EnvironmentSpec, description: EnvironmentDescription, seeds: Sequence[int]
    ) -> EnvPoolLanes:
        """Make a fresh pool with one lane per seed."""
        return EnvPoolLanes(spec, description, seeds)


def import_own() -> None:
    """Import EnvPool, and see which of its environments stand for Gymnasium's own."""
    for id_ in modules().keys() & gymnasium.registry.keys():
        _suits(id_)


class EnvPoolLanes:
    """One pool, stepped in part, by the calls that its own ``step`` ends in: what that adds costs 30 µs a call.

    The pool reads the arrays that it is given until it has answered, so nobody may change them before.
    """

    def __init__(self, spec: EnvironmentSpec, description: EnvironmentDescription, seeds: Sequence[int]) -> None:
        self.failures: dict[int, LaneFailure] = {}
        self.width = SMALL_WIDTH if _is_small(spec.id) else WIDTH
        self._spec = spec
        self._pool = envpool().make(
            spec.id,
            env_type="gymnasium",
            num_envs=len(seeds),
            seed=[int(seed) for seed in seeds],
            num_threads=1,  # one process per core beats threads
            max_episode_steps=OWN_LIMIT if _sets_its_limit(spec) else description.max_episode_steps,
            **spec.kwargs,
        )
        keys = list(self._pool._state_keys)
        observed = Observed.of(self._pool.spec).names
        self._answers = [keys.index(name) for name in ("info:env_id", "reward", "done", "trunc", *observed)]
        self._native = Actions(self._pool.spec)

    def reset(self, lanes: NDArray[np.int32]) -> Observations:
        """Start the episodes of ``lanes (n,)``."""
        self._pool._reset(lanes)
        return flat(self._receive(lanes)[3:])

    def step(self, lanes: NDArray[np.int32], actions: NDArray[Any]) -> Step:
        """Step ``lanes (n,)``."""
        self._pool._send([lanes, lanes, self._native(actions)])
        rewards, done, truncated, *observations = self._receive(lanes)
        return flat(observations), rewards, done & ~truncated, truncated

    def finish(self, lane: int) -> None:
        """Nothing: the lane goes with its pool."""

    def close(self) -> None:
        """Let go of the pool, whose memory goes with its last reference."""
        self._pool = None

    def film(self) -> None:
        """Find what MuJoCo draws by."""
        envpool_pictures.find_opengl()

    def picture(self, lane: int) -> Picture | None:
        """Return what a live lane looks like now; None where EnvPool does not draw its environment."""
        return envpool_pictures.draw(self._pool, lane)

    def steps_per_second(self, lane: int) -> float:  # noqa: ARG002 - all lanes are of one environment
        """Return how many steps make a second of what is simulated."""
        return envpool_pictures.steps_per_second(self._spec)

    def _receive(self, lanes: NDArray[np.int32]) -> list[NDArray[Any]]:
        values = self._pool._recv()
        answered, *arrays = [values[index] for index in self._answers]
        return _in_order(answered, lanes, arrays)


def _in_order(
    answered: NDArray[np.int32], lanes: NDArray[np.int32], arrays: list[NDArray[Any]]
) -> list[NDArray[Any]]:
    """Put what came back into the order of ``lanes``; EnvPool answers as lanes get done."""
    if np.array_equal(answered, lanes):
        return arrays
    order = np.argsort(answered)[np.argsort(np.argsort(lanes))]
    return [array[order] for array in arrays]


@cache
def _is_small(id_: str) -> bool:
    return modules()[id_] == "envpool.classic_control"


def _sets_its_limit(spec: EnvironmentSpec) -> bool:
    return spec.max_episode_steps is None and _usual_limit(spec.id) == OWN_LIMIT


@cache
def _usual_limit(id_: str) -> int:
    return int(envpool().make_spec(id_).config.max_episode_steps)


@cache
def _available() -> frozenset[str]:
    offered = {id_ for id_, module in modules().items() if not why_not(id_, module)}
    return frozenset(filter(_is_ours_to_offer, offered - found("seedcast.environments").keys()))


def _is_ours_to_offer(id_: str) -> bool:
    """Say whether EnvPool's environment of this name is the one that is meant, and no other package's."""
    if (entry := registry().get(id_)) is None:
        return True
    return str(entry.entry_point).startswith("gymnasium.") and _suits(id_)


def _checked(spec: EnvironmentSpec) -> Any:  # noqa: ANN401 - EnvPool has no types
    defaults = envpool().make_spec(spec.id).config._asdict() if spec.kwargs else {}
    files = {name for name in spec.kwargs if names_a_file(name, defaults.get(name))}
    if reserved := sorted(RESERVED & spec.kwargs.keys() | files):
        raise InvalidInput.of("environment.kwargs", f"{', '.join(reserved)} cannot be set here")
    try:
        return envpool().make_spec(spec.id, **spec.kwargs)
    except Exception as error:
        reason = str(error).partition("\n")[0]  # pybind goes on with every signature it knows
        raise InvalidInput.of("environment.kwargs", f"EnvPool refuses them: {reason}") from error


@cache
def _suits(id_: str) -> bool:
    pool_spec = envpool().make_spec(id_)
    observations = pool_spec.gymnasium_observation_space
    actions = pool_spec.gymnasium_action_space
    real = isinstance(observations, spaces.Box) and np.issubdtype(observations.dtype, np.floating)
    return real and isinstance(actions, spaces.Box | spaces.Discrete)


def _reward_threshold(pool_spec: Any, id_: str) -> float | None:  # noqa: ANN401 - EnvPool has no types
    threshold = getattr(pool_spec.config, "reward_threshold", None)
    if threshold is None and id_ in registry():
        threshold = registry()[id_].reward_threshold
    return float(threshold) if threshold is not None and math.isfinite(threshold) else None

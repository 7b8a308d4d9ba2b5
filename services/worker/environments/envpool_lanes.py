"""Environments that EnvPool runs, compiled, three to four times as fast as Gymnasium's.

EnvPool ignores ``reset(seed=)``: a lane's seed is fixed when its pool is made, and a lane that is reset again
depends on its history. What gives the same bits under any schedule is a fresh pool with one lane per rollout,
of which only the live lanes are stepped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from services.worker.environments.base import DEFAULT_MAX_EPISODE_STEPS, LaneFailure, Observations, Step
from services.worker.environments.plugins import registry
from services.worker.environments.spaces import action_space, observation_size
from shared.errors import InvalidInput
from shared.spec.environment import EnvironmentDescription, EnvironmentSpec

NO_LIMIT = 2**31 - 1
"""What EnvPool calls an episode without a limit."""

WIDTH = 24
"""Live lanes. With more, their worlds push each other out of the cache: 64 may lose a third. With fewer, handing
actions to EnvPool's thread and waiting for it, with the engine's own work 50 µs a call, is shared by too few."""

SMALL_WIDTH = 1024
"""Of environments that are a few numbers each, whose step (under 1 µs) is nothing beside the call."""

RESERVED = frozenset(
    {
        "base_path", "batch_size", "env_seed", "from_pixels", "gym_reset_return_info", "max_episode_steps",
        "max_num_players", "num_envs", "num_threads", "render_mode", "reward_threshold", "seed",
        "thread_affinity_offset",
    }
)  # fmt: skip
"""Settings of the pool, not of the environment."""


@cache
def _envpool() -> Any:  # noqa: ANN401 - EnvPool has no types
    """Import EnvPool when it is first needed: that takes a second."""
    return import_module("envpool")


class EnvPoolEngine:
    """EnvPool's share of the environments."""

    name: ClassVar[str] = "envpool"

    def available(self) -> frozenset[str]:
        """Return the ids that stand for the same environment in Gymnasium and that policies can act in.

        EnvPool's other ids (Atari, robotics, its own variants) have names or spaces of their own.
        """
        return _available()

    def takes(self, spec: EnvironmentSpec) -> bool:
        """Say whether EnvPool accepts the kwargs."""
        try:
            return _suits(_checked(spec))
        except InvalidInput:
            return False

    def describe(self, spec: EnvironmentSpec) -> EnvironmentDescription:
        """Describe from EnvPool's own specification; no environment is made."""
        pool_spec = _checked(spec)
        limit = spec.max_episode_steps or int(pool_spec.config.max_episode_steps)
        return EnvironmentDescription(
            observation_size=observation_size(pool_spec.gymnasium_observation_space),
            actions=action_space(pool_spec.gymnasium_action_space),
            max_episode_steps=DEFAULT_MAX_EPISODE_STEPS if limit == NO_LIMIT else limit,
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


class EnvPoolLanes:
    """One pool, stepped in part, by the calls that its own ``step`` ends in: what that adds costs 30 µs a call.

    The pool reads the arrays that it is given until it has answered, so nobody may change them before.
    """

    def __init__(self, spec: EnvironmentSpec, description: EnvironmentDescription, seeds: Sequence[int]) -> None:
        self.failures: dict[int, LaneFailure] = {}
        self.width = SMALL_WIDTH if _is_small(spec.id) else WIDTH
        self._pool = _envpool().make(
            spec.id,
            env_type="gymnasium",
            num_envs=len(seeds),
            seed=[int(seed) for seed in seeds],
            num_threads=1,  # one process per core beats threads
            max_episode_steps=description.max_episode_steps,
            **spec.kwargs,
        )
        keys = list(self._pool._state_keys)
        self._answers = [keys.index(name) for name in ("info:env_id", "obs", "reward", "done", "trunc")]
        self._action_type = self._pool.spec.action_array_spec["action"].dtype

    def reset(self, lanes: NDArray[np.int32]) -> Observations:
        """Start the episodes of ``lanes (n,)``."""
        self._pool._reset(lanes)
        return _flat(self._receive(lanes)[0])

    def step(self, lanes: NDArray[np.int32], actions: NDArray[Any]) -> Step:
        """Step ``lanes (n,)``."""
        self._pool._send([lanes, lanes, actions.astype(self._action_type, order="C", copy=False)])
        observations, rewards, done, truncated = self._receive(lanes)
        return _flat(observations), rewards, done & ~truncated, truncated

    def finish(self, lane: int) -> None:
        """Nothing: the lane goes with its pool."""

    def close(self) -> None:
        """Let go of the pool, whose memory goes with its last reference."""
        self._pool = None

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


def _flat(observations: NDArray[Any]) -> Observations:
    return np.ascontiguousarray(observations.reshape(len(observations), -1), np.float32)


@cache
def _is_small(id_: str) -> bool:
    import_path: str = import_module("envpool.registration").registry.specs[id_][0]
    return import_path == "envpool.classic_control"


@cache
def _available() -> frozenset[str]:
    try:
        ids = _envpool().list_all_envs()
    except ImportError:  # there is no wheel for this platform: Gymnasium has to do
        return frozenset()
    return frozenset(id_ for id_ in ids if id_ in registry() and _suits(_envpool().make_spec(id_)))


def _checked(spec: EnvironmentSpec) -> Any:  # noqa: ANN401 - EnvPool has no types
    if reserved := sorted(RESERVED & spec.kwargs.keys()):
        raise InvalidInput.of("environment.kwargs", f"{', '.join(reserved)} cannot be set here")
    try:
        return _envpool().make_spec(spec.id, **spec.kwargs)
    except Exception as error:
        reason = str(error).partition("\n")[0]  # pybind goes on with every signature it knows
        raise InvalidInput.of("environment.kwargs", f"EnvPool refuses them: {reason}") from error


def _suits(pool_spec: Any) -> bool:  # noqa: ANN401 - EnvPool has no types
    observations = pool_spec.gymnasium_observation_space
    actions = pool_spec.gymnasium_action_space
    real = isinstance(observations, spaces.Box) and np.issubdtype(observations.dtype, np.floating)
    return real and isinstance(actions, spaces.Box | spaces.Discrete)


def _reward_threshold(pool_spec: Any, id_: str) -> float | None:  # noqa: ANN401 - EnvPool has no types
    threshold = getattr(pool_spec.config, "reward_threshold", None)
    if threshold is None and id_ in registry():
        threshold = registry()[id_].reward_threshold
    return float(threshold) if threshold is not None and math.isfinite(threshold) else None

"""Environments that Gymnasium runs: its own and those of installed packages.

Every episode gets a fresh environment (a reused Box2D world leaks history into the next episode), and
Python's and numpy's global generators are seeded with it, because some environments draw from them. For that
to hold, one episode has to end before the next begins, so there is one live lane, unless the environment's class
says with ``side_by_side`` that it draws from neither, and how many episodes are worth running at once: what the
policy takes for each is then shared between them.
"""

from __future__ import annotations

import math
import os
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, load_env_creator
from numpy.typing import NDArray

from seedcast.services.worker.environments.answers import FOREIGN, InvalidAnswerError, number, truth
from seedcast.services.worker.environments.base import (
    ANY_NUMBER,
    DEFAULT_MAX_EPISODE_STEPS,
    DEFAULT_STEPS_PER_SECOND,
    LaneFailure,
    Observations,
    Picture,
    Step,
)
from seedcast.services.worker.environments.envpool_spaces import names_a_file
from seedcast.services.worker.environments.plugins import registry
from seedcast.services.worker.environments.seeding import seed_spaces
from seedcast.services.worker.environments.spaces import (
    Observation,
    action_space,
    flatten,
    native_action,
    observation_size,
)
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec

Environment = gymnasium.Env[Any, Any]

RESERVED = frozenset({"disable_env_checker", "max_episode_steps", "render_mode"})
"""Arguments of `gymnasium.make`, not of the environment."""


class GymnasiumEngine:
    """Everything in Gymnasium's registry."""

    name: ClassVar[str] = "gymnasium"

    def available(self) -> frozenset[str]:
        """Return the registered ids whose code is installed."""
        return _available()

    def takes(self, spec: EnvironmentSpec) -> bool:  # noqa: ARG002 - the engine protocol's signature
        """Say yes: kwargs are only known to be wrong once an environment is made."""
        return True

    def describe(self, spec: EnvironmentSpec) -> EnvironmentDescription:
        """Make an environment and look at its spaces."""
        side_by_side(_made_by(spec.id))
        with closed_after(_checked(spec)) as environment:
            return EnvironmentDescription(
                observation_size=observation_size(environment.observation_space),
                actions=action_space(environment.action_space),
                max_episode_steps=_limit(spec),
                reward_threshold=registry()[spec.id].reward_threshold,
                engine=self.name,
            )

    def lanes_at_once(self, spec: EnvironmentSpec) -> int:  # noqa: ARG002 - the engine protocol's signature
        """Return any number: a lane is a seed until its episode starts."""
        return ANY_NUMBER

    def open_lanes(
        self, spec: EnvironmentSpec, description: EnvironmentDescription, seeds: Sequence[int]
    ) -> GymnasiumLanes:
        """Remember the seeds; an environment is made when its episode starts."""
        return GymnasiumLanes(spec, description, seeds, side_by_side(_made_by(spec.id)))


class GymnasiumLanes:
    """Environments, each of one episode, which can be looked at where they draw themselves."""

    def __init__(
        self, spec: EnvironmentSpec, description: EnvironmentDescription, seeds: Sequence[int], width: int = 1
    ) -> None:
        self.width = width
        self.failures: dict[int, LaneFailure] = {}
        self._spec = spec
        self._seeds = seeds
        self._nothing = np.full(description.observation_size, np.nan, np.float32)
        self._live: dict[int, Environment] = {}
        self._steps: dict[int, int] = {}
        self._drawing: dict[str, Any] = {}

    def reset(self, lanes: NDArray[np.int32]) -> Observations:
        """Start the episodes of ``lanes (n,)``."""
        return np.stack([self._reset(int(lane)) for lane in lanes])

    def step(self, lanes: NDArray[np.int32], actions: NDArray[Any]) -> Step:
        """Step ``lanes (n,)``."""
        steps = [self._step(int(lane), action) for lane, action in zip(lanes, actions, strict=True)]
        observations, rewards, terminated, truncated = zip(*steps, strict=True)
        return np.stack(observations), np.array(rewards), np.array(terminated), np.array(truncated)

    def finish(self, lane: int) -> None:
        """Close the lane's environment, whose episode is counted whatever closing comes to."""
        environment = self._live.pop(lane, None)
        if environment is not None:
            with closed_after(environment):
                pass

    def close(self) -> None:
        """Close what is left."""
        for lane in list(self._live):
            self.finish(lane)

    def film(self) -> None:
        """Make the environments of the episodes to come such that they draw."""
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame would look for a screen
        warnings.filterwarnings("ignore", message=".*not in the possible render_modes")  # one error says it
        self._drawing = {"render_mode": "rgb_array"}

    def picture(self, lane: int) -> Picture | None:
        """Return what a live lane looks like now; None where its environment draws no pictures."""
        try:
            drawn = self._live[lane].render()
        except NotImplementedError:
            return None
        return drawn if isinstance(drawn, np.ndarray) and drawn.ndim == 3 else None

    def steps_per_second(self, lane: int) -> float:
        """Return how many steps of a live lane make a second of what it simulates."""
        return float(self._live[lane].metadata.get("render_fps") or DEFAULT_STEPS_PER_SECOND)

    def _reset(self, lane: int) -> Observation:
        try:
            return self._start(lane)
        except FOREIGN as error:
            self.failures[lane] = _failure(error)
            return self._nothing

    def _start(self, lane: int) -> Observation:
        seed = int(self._seeds[lane])
        random.seed(seed)
        np.random.seed(seed)
        environment = self._live[lane] = _make(self._spec, **self._drawing)
        seed_spaces(environment, seed)
        observation, _ = environment.reset(seed=seed)
        return self._flat(environment, observation)

    def _step(self, lane: int, action: NDArray[Any]) -> tuple[Observation, float, bool, bool]:
        environment = self._live[lane]
        step = self._steps[lane] = self._steps.get(lane, 0) + 1
        try:
            taken = native_action(environment.action_space, action)
            observation, reward, terminated, truncated, _ = environment.step(taken)
            over = truth(terminated, "terminated"), truth(truncated, "truncated")
            return self._flat(environment, observation), number(reward, "reward"), *over
        except FOREIGN as error:
            self.failures[lane] = _failure(error, f" at step {step}")
            return self._nothing, math.nan, True, False

    def _flat(self, environment: Environment, observation: object) -> Observation:
        flat = flatten(environment.observation_space, observation)
        if flat.shape != self._nothing.shape:
            raise InvalidAnswerError(f"the observation has {flat.size} values instead of {self._nothing.size}")
        return flat


def import_own() -> None:
    """Import Gymnasium's own environments and ours: what is in its registry before any package had its turn."""
    for entry in list(gymnasium.registry.values()):  # a module that is imported may register others
        _installed(entry)


@contextmanager
def closed_after(environment: Environment) -> Iterator[Environment]:
    """Close an environment after use, whatever closing comes to: what was wanted of it is there."""
    try:
        yield environment
    finally:
        with suppress(*FOREIGN):
            environment.close()


def side_by_side(made_by: object) -> int:
    """Return how many episodes may be live at once of what a class or a function makes; see the module.

    Raises:
        InvalidInput: it says something that is no number of episodes.
    """
    given = getattr(made_by, "side_by_side", 1)
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InvalidInput.of("environment.id", f"its side_by_side has to be an integer from 1, not {given!r}")
    return given


def _made_by(id_: str) -> object:
    creator = registry()[id_].entry_point
    return load_env_creator(creator) if isinstance(creator, str) else creator


def _failure(error: BaseException, where: str = "") -> LaneFailure:
    if isinstance(error, InvalidAnswerError):
        return LaneFailure("invalid", f"{error}{where}")
    return LaneFailure.of(error)


def _limit(spec: EnvironmentSpec) -> int:
    return spec.max_episode_steps or registry()[spec.id].max_episode_steps or DEFAULT_MAX_EPISODE_STEPS


def _make(spec: EnvironmentSpec, **drawing: Any) -> Environment:  # noqa: ANN401 - whatever a constructor takes
    kwargs = spec.kwargs | drawing
    # The entry, not its id: an id of the form "module:name" would make Gymnasium import the module.
    return gymnasium.make(registry()[spec.id], max_episode_steps=_limit(spec), disable_env_checker=True, **kwargs)


def _checked(spec: EnvironmentSpec) -> Environment:
    own = str(registry()[spec.id].entry_point).startswith("gymnasium.")  # a package's may take what it likes
    files = {name for name in spec.kwargs if own and names_a_file(name, None)}
    if reserved := sorted(RESERVED & spec.kwargs.keys() | files):
        raise InvalidInput.of("environment.kwargs", f"{', '.join(reserved)} cannot be set here")
    try:
        return _make(spec)
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
        reason = f"needs a package that this worker has not ({error})"
        raise InvalidInput.of("environment.id", reason, spec.id) from error
    except FOREIGN as error:
        field = "environment.kwargs" if spec.kwargs else "environment.id"
        reason = f"{spec.id} cannot be made ({type(error).__name__}: {error})"
        raise InvalidInput.of(field, reason) from error


@cache
def _available() -> frozenset[str]:
    return frozenset(id_ for id_, entry in list(registry().items()) if _installed(entry))


def _installed(entry: EnvSpec) -> bool:
    if isinstance(entry.entry_point, str):
        return _importable(entry.entry_point)
    # Gymnasium keeps ids that have moved elsewhere, as functions of its own that only raise.
    return entry.entry_point is not None and entry.entry_point.__module__ != "gymnasium.envs"


@cache
def _importable(entry_point: str) -> bool:
    try:
        load_env_creator(entry_point)
    except Exception:  # whatever the import runs into, the environment is not to be had
        return False
    return True

"""An environment that breaks in every way the worker has to survive."""

from __future__ import annotations

import ctypes
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Observation = NDArray[np.float32]
Step = tuple[Observation, float, bool, bool, dict[str, Any]]

LENGTH = 10
"""Steps of an episode without a fault."""


class Faulty(gymnasium.Env[Observation, np.int64]):
    """Observation: the number of steps taken, twice. Action: ignored. Reward: 1 a step. End: after 10 steps."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, mode: str = "none", after: int = 3, every: int = 1, file: str = "") -> None:
        if mode in MAKING:
            MAKING[mode](self)
        if mode not in FAULTS:
            raise ValueError(f"mode is one of {', '.join(FAULTS)}, not {mode}")
        self._fault = FAULTS[mode]
        self._close_raises = mode == "close_raises"
        self._after = after
        self._every = every
        self._file = Path(file)
        self._faulty = False
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start counting; decide by the seed whether anything will go wrong."""
        super().reset(seed=seed, options=options)
        self._steps = 0
        self._faulty = (seed or 0) % self._every == 0
        return self.observation(), {}

    def step(self, action: np.int64) -> Step:
        """Count."""
        del action
        self._steps += 1
        if self._faulty and self._steps >= self._after:
            return self._fault(self)
        return self.plain()

    def close(self) -> None:
        """Close, or fail to."""
        if self._close_raises:
            raise RuntimeError("there is nothing to close")

    def plain(self) -> Step:
        """Answer as if nothing were wrong."""
        return self.observation(), 1.0, self._steps >= LENGTH, False, {}

    def stay(self) -> Step:
        """Take a step that does not count."""
        self._steps -= 1
        return self.observation(), 0.0, False, False, {}

    def is_let_go(self) -> bool:
        """Whether the file is there that a held episode waits for."""
        return self._file.is_file()

    def say_that_it_hangs(self) -> None:
        """Make the file, if there is to be one."""
        if self._file.name:
            self._file.touch()

    def observation(self) -> Observation:
        """Return the count."""
        return np.full(2, self._steps, np.float32)


def _none(environment: Faulty) -> Step:
    return environment.plain()


def _raise(_: Faulty) -> Step:
    raise RuntimeError("the simulation blew up")


def _nan(environment: Faulty) -> Step:
    return environment.observation(), math.nan, False, False, {}


def _nan_observation(_: Faulty) -> Step:
    return np.full(2, np.nan, np.float32), 1.0, False, False, {}


def _wrong_shape(_: Faulty) -> Step:
    return np.zeros(3, np.float32), 1.0, False, False, {}


def _hang(environment: Faulty) -> Step:
    environment.say_that_it_hangs()
    while True:
        time.sleep(60)


def _held(environment: Faulty) -> Step:
    if environment.is_let_go():
        return environment.plain()
    time.sleep(0.01)
    return environment.stay()


def _segfault(_: Faulty) -> Step:
    ctypes.string_at(0)
    raise AssertionError


def _exit(_: Faulty) -> Step:
    os._exit(3)


def _endless(environment: Faulty) -> Step:
    return environment.observation(), 1.0, False, False, {}


def _memory(_: Faulty) -> Step:
    hoard = []
    while True:
        hoard.append(np.ones(2**21))  # 16 MiB at a time
        time.sleep(0.002)


def _answer(**changes: Any) -> Callable[[Faulty], Step]:
    """Return a fault that answers with something else in the place of the reward or the end."""

    def fault(environment: Faulty) -> Step:
        observation, reward, terminated, truncated, info = environment.plain()
        return observation, changes.get("reward", reward), changes.get("end", terminated), truncated, info

    return fault


def _single_arrays(environment: Faulty) -> Step:
    observation, reward, terminated, _, info = environment.plain()
    answer: Any = (observation, np.array([[reward]]), np.array([terminated]), np.int64(0), info)
    return answer  # type: ignore[no-any-return]


def _leave(_: Faulty) -> Step:
    sys.exit("the licence has run out")


def _litter(environment: Faulty) -> Step:
    Path("MUJOCO_LOG.TXT").write_text("WARNING: Nan, Inf or huge value in QACC at DOF 0.")
    return environment.plain()


FAULTS: dict[str, Callable[[Faulty], Step]] = {
    "none": _none,
    "raise": _raise,
    "nan": _nan,
    "nan_observation": _nan_observation,
    "wrong_shape": _wrong_shape,
    "hang": _hang,
    "held": _held,
    "segfault": _segfault,
    "exit": _exit,
    "endless": _endless,
    "memory": _memory,
    "two_rewards": _answer(reward=np.ones(2)),
    "no_reward": _answer(reward=None),
    "text_reward": _answer(reward="much"),
    "huge_reward": _answer(reward=10**400),
    "two_endings": _answer(end=np.array([True, False])),
    "single_arrays": _single_arrays,
    "close_raises": _none,
    "leave": _leave,
    "litter": _litter,
}


def _make_raises(_: Faulty) -> None:
    raise RuntimeError("no licence")


def _make_leaves(_: Faulty) -> None:
    sys.exit("no licence")


def _make_strange(environment: Faulty) -> None:
    environment.observation_space = None  # type: ignore[assignment]


def _make_dies(_: Faulty) -> None:
    os._exit(3)


MAKING: dict[str, Callable[[Faulty], None]] = {
    "make_raises": _make_raises,
    "make_leaves": _make_leaves,
    "make_strange": _make_strange,
    "make_dies": _make_dies,
}
FAULTS["make_strange"] = _none

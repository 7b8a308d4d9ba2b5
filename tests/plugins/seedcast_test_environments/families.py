"""Environments that are more than one thread of one process, as wrappers of simulators are."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Observation = NDArray[np.float32]
Step = tuple[Observation, float, bool, bool, dict[str, Any]]

LENGTH = 5


class Family(gymnasium.Env[Observation, np.int64]):
    """Observation: drawn by the seed. Action: ignored. Reward: 1. End: after 5 steps; signal ``die`` at step 3."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, die: int = 0) -> None:
        self._die = die
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start."""
        super().reset(seed=seed, options=options)
        self._steps = 0
        return self._observation(), {}

    def step(self, action: np.int64) -> Step:
        """Go on, or die."""
        del action
        self._steps += 1
        if self._die and self._steps == 3:
            os.kill(os.getpid(), self._die)
        return self._observation(), 1.0, self._steps >= LENGTH, False, {}

    def _observation(self) -> Observation:
        return self.np_random.normal(size=2).astype(np.float32)


class Subprocess(Family):
    """Owns a program, and ends it as one does; with ``apart`` the program runs in a session of its own."""

    def __init__(self, die: int = 0, apart: bool = False) -> None:
        super().__init__(die)
        self._program = subprocess.Popen(["sleep", "1000"], start_new_session=apart)  # noqa: S607

    def close(self) -> None:
        """Ask the program to end, and wait until it has."""
        self._program.terminate()
        self._program.wait()


class Forked(Family):
    """Owns a fork of its own process, which ignores nothing."""

    def __init__(self, die: int = 0) -> None:
        super().__init__(die)
        self._fork = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
        self._fork.start()

    def close(self) -> None:
        """Ask the fork to end, and wait until it has."""
        self._fork.terminate()
        self._fork.join()
        assert self._fork.exitcode == -signal.SIGTERM, self._fork.exitcode


class Threaded(Family):
    """Owns threads, which work while it steps; with ``lasting`` they are none that Python ends by itself."""

    def __init__(self, die: int = 0, lasting: bool = False) -> None:
        super().__init__(die)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=not lasting) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the threads."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while not self._over.wait(0.001):
            np.linalg.norm(np.ones(100))

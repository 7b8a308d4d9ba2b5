"""`python -m benchmarks.minitaur [--rounds N]`: the Minitaur's steps per second beside `pybullet_envs`' own.

Both take the same actions from the same seeds, in turns of 25 steps, in one process. The ratio is the median over
the turns, of CPU time, so that other programs on the machine disturb it little. The observations and rewards of
every turn are compared, too: a ratio of two different things would mean nothing.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.environments.pybullet_adapter import connect, pybullet_envs, silence
from seedcast.services.worker.environments.pybullet_minitaur import Minitaur

TURN = 25
"""Steps."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="episodes, of 100 steps or until the fall")
    rounds = parser.parse_args().rounds
    with silence():
        original = pybullet_envs()["bullet.minitaur_gym_env"].MinitaurBulletEnv()
    pair = [original, Minitaur(connect())]
    resets, steps = Times(), Times()
    for seed in range(rounds):
        actions = np.random.default_rng(seed).uniform(-1, 1, (4, TURN, 8)).astype(np.float32)
        resets.measure(pair, partial(_reset, seed=seed))
        for turn in actions:
            if steps.measure(pair, partial(_steps, actions=turn)) < TURN:
                break
    resets.report("resets/s")
    steps.report("steps/s")


class Times:
    """CPU time per item, ours and theirs, side by side."""

    def __init__(self) -> None:
        self._pairs: list[tuple[float, float]] = []

    def measure(self, pair: list[Any], run: Callable[[Any], list[NDArray[Any]]]) -> int:
        """Run both, every other time in the other order, and return how many items each made.

        Raises:
            AssertionError: they were not the same.
        """
        times = [0.0, 0.0]
        made: list[list[NDArray[Any]]] = [[], []]
        for index in (0, 1) if len(self._pairs) % 2 else (1, 0):
            started = time.process_time()
            made[index] = run(pair[index])
            times[index] = (time.process_time() - started) / len(made[index])
        np.testing.assert_array_equal(made[1], made[0])
        self._pairs.append((times[0], times[1]))
        return len(made[0])

    def report(self, what: str) -> None:
        """Print the median rates, and the median ratio of neighbours in time."""
        theirs, ours = (1 / statistics.median(times) for times in zip(*self._pairs, strict=True))
        ratio = statistics.median(old / new for old, new in self._pairs)
        print(f"{what:9} pybullet_envs {theirs:7.1f}   seedcast {ours:7.1f}   ratio {ratio:.3f}")


def _reset(environment: Any, seed: int) -> list[NDArray[Any]]:  # noqa: ANN401 - PyBullet has no types
    random.seed(seed)
    np.random.seed(seed)
    return [environment.reset()]


def _steps(environment: Any, actions: NDArray[np.float32]) -> list[NDArray[Any]]:  # noqa: ANN401
    found = []
    for action in actions:
        observation, reward, done, _ = environment.step(action)
        found.append(np.append(observation, reward))
        if done:
            break
    return found


if __name__ == "__main__":
    main()

"""Counter-keyed randomness: every draw is a pure function of (seed, purpose, counters).

There is no generator whose state has to be saved: a draw is looked up by its key, as in Salmon et al.,
"Parallel random numbers: as easy as 1, 2, 3" (2011, https://doi.org/10.1145/2063384.2063405), whose
Philox generator numpy provides.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

EPISODE_SEED_LIMIT = 2**31 - 1
"""Episode seeds are int32, the widest that every engine takes."""


class Purpose(IntEnum):
    """What a draw is for; two purposes never share a stream. Numbers are part of the contract: append only."""

    INITIAL_MEAN = 0
    NOISE = 1
    TRAINING_EPISODES = 2
    TEST_EPISODES = 3
    ACTION_NOISE = 4
    STRATEGY = 5
    """What a strategy draws besides its members' perturbations."""
    CONFIRMING_EPISODES = 6
    """Those on which a test that would be the best is made again."""
    STUDY = 7
    """The settings that a study draws."""


def generator(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """Return the generator that belongs to one key."""
    sequence = np.random.SeedSequence(seed, spawn_key=(purpose, *counters))
    return np.random.Generator(np.random.Philox(sequence))


def noise(
    seed: int, generation: int, member: int, dimension: int, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Draw the standard normal perturbation ``(dimension,)`` of one member (or mirrored pair), into ``out``."""
    return generator(seed, Purpose.NOISE, generation, member).standard_normal(dimension, np.float32, out)


def episode_seeds(seed: int, purpose: Purpose, generation: int, groups: int, episodes: int) -> NDArray[np.int32]:
    """Draw one generation's environment seeds ``(groups, episodes)``; a group is the members that share them."""
    draws = generator(seed, purpose, generation).integers(0, EPISODE_SEED_LIMIT, size=(groups, episodes))
    return draws.astype(np.int32)

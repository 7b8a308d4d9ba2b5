"""Exploration noise on a policy's outputs, keyed by the episode."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.seeding import Purpose, generator


class ActionNoise:
    """One stream a lane, opened by its episode's seed: the same noise whatever shares the batch."""

    def __init__(self, std: float, width: int, outputs: int) -> None:
        self._std = np.float32(std)
        self._outputs = outputs
        self._streams = [generator(0, Purpose.ACTION_NOISE)] * width

    def begin(self, positions: NDArray[np.intp], episode_seeds: NDArray[np.int32]) -> None:
        """Open the streams of episodes."""
        for position, seed in zip(positions.tolist(), episode_seeds.tolist(), strict=True):
            self._streams[position] = generator(seed, Purpose.ACTION_NOISE)

    def move(self, sources: NDArray[np.intp], targets: NDArray[np.intp]) -> None:
        """Move running episodes."""
        for source, target in zip(sources.tolist(), targets.tolist(), strict=True):
            self._streams[target] = self._streams[source]

    def draw(self, live: int) -> NDArray[np.float32]:
        """Draw the next noise ``(live, outputs)``."""
        draws = [stream.standard_normal(self._outputs, dtype=np.float32) for stream in self._streams[:live]]
        return np.stack(draws) * self._std

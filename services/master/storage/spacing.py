"""When a checkpoint is due: small ones after every generation, large ones as seldom as replay stays short."""

from __future__ import annotations

from dataclasses import dataclass

from seedcast.services.master.storage.checkpoints import Checkpoint

LARGE_BYTES = 4 * 2**20
"""A checkpoint below this costs a few milliseconds: it is written after every generation."""

WORTHWHILE_RATIO = 4
"""A generation's results are kept in a checkpoint's stead where they are so many times smaller."""

MOST_GENERATIONS = 25
MOST_REPLAY_SECONDS = 20.0
"""What a restart may have to learn again: so many generations, and so much of the master's own time."""


@dataclass
class Spacing:
    """What there is to replay since the last checkpoint."""

    size: int = 0
    """Of the last checkpoint, in bytes; 0 while there is none."""
    generations: int = 0
    seconds: float = 0.0

    @classmethod
    def after(cls, checkpoint: Checkpoint | None) -> Spacing:
        """Return the state right after a checkpoint, or before the first."""
        return cls(checkpoint.length if checkpoint else 0)

    def keeps_results(self, results_bytes: int) -> bool:
        """Whether a generation's results are kept: the next checkpoint may be damaged, or not due yet."""
        return self.size >= LARGE_BYTES and self.size >= WORTHWHILE_RATIO * results_bytes

    def due(self, results_bytes: int, master_seconds: float) -> bool:
        """Whether a checkpoint has to follow a generation with such results, which took ``master_seconds``."""
        if not self.keeps_results(results_bytes):
            return True
        return self.generations + 1 >= MOST_GENERATIONS or self.seconds + master_seconds > MOST_REPLAY_SECONDS

    def passed(self, master_seconds: float) -> None:
        """Note a generation without a checkpoint."""
        self.generations += 1
        self.seconds += master_seconds

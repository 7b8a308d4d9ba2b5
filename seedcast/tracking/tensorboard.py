"""TensorBoard's event files, written by tensorboardX."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seedcast.services.master.experiments.schemas import Experiment
from seedcast.tracking.follow import library


class TensorBoard:
    """One folder for each experiment, below ``folder``: ``tensorboard --logdir folder`` shows them together."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._library = library("tensorboardX", "'seedcast[tensorboard]'")
        self._writer: Any = None

    def begin(self, experiment: Experiment) -> None:
        """Write a file of its own, beside those of earlier starts; TensorBoard reads them as one."""
        own = f".{secrets.token_hex(4)}"  # the library's names are the same for all of a second
        self._writer = self._library.SummaryWriter(str(self._folder / experiment.id), filename_suffix=own)
        text = json.dumps(experiment.spec.model_dump(mode="json"), indent=2)
        self._writer.add_text("specification", f"```\n{text}\n```", 0)

    def write(self, generation: int, figures: Mapping[str, float], at: float) -> None:
        """Write each figure as a scalar."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, generation, walltime=at)
        self._writer.flush()

    def end(self, experiment: Experiment | None) -> None:
        """Close the file; how it ended stands in a text."""
        if experiment is not None:
            self._writer.add_text("ended", f"{experiment.status}: {experiment.reason}", experiment.generation)
        self._writer.close()

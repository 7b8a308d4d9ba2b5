"""Trackio and Weights & Biases, which are called alike: ``init``, ``log``, ``finish``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from seedcast.services.master.experiments.schemas import Experiment
from seedcast.tracking.follow import library, settings

EXTRAS = {"trackio": "trackio", "wandb": "'seedcast[wandb]'"}


class Runs:
    """One run for each experiment, in a project of Trackio or Weights & Biases.

    Where they keep it, and whose account that is, their own environment variables say. The figures' x axis is
    ``generation``: a test is told of after the generation that was made beside it, and W&B's steps never go back.
    """

    def __init__(self, module: Literal["trackio", "wandb"], project: str = "seedcast") -> None:
        self._library: Any = library(module, EXTRAS[module])
        self._by_id = module == "wandb"
        """W&B finds a run again by its id, Trackio by its name."""
        self._project = project
        self._run: Any = None

    def begin(self, experiment: Experiment) -> None:
        """Begin the experiment's run, or go on with it."""
        values = settings(experiment.spec.model_dump(mode="json"))
        self._run = self._library.init(
            project=self._project,
            name=experiment.id,
            config=values,
            resume="allow",
            **({"id": experiment.id} if self._by_id else {}),
        )
        if hasattr(self._run, "define_metric"):
            self._run.define_metric("*", step_metric="generation")

    def write(self, generation: int, figures: Mapping[str, float], at: float) -> None:
        """Log the figures; these libraries take the time from the clock."""
        del at
        step = {} if self._by_id else {"step": generation}  # else Trackio counts the calls
        self._run.log({"generation": generation, **figures}, **step)

    def end(self, experiment: Experiment | None) -> None:
        """Have everything written."""
        if experiment is not None and hasattr(self._run, "summary"):
            self._run.summary["status"] = f"{experiment.status}: {experiment.reason}"
        self._run.finish()

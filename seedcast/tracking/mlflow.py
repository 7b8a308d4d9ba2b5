"""Runs on an MLflow server, or in any other store that ``mlflow.tracking`` knows."""

from __future__ import annotations

import math
from collections.abc import Mapping

from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status
from seedcast.tracking.follow import library, settings

MOST_AT_ONCE = 100
"""Parameters of a request; MLflow's own limit."""
LONGEST = 500
"""Characters of a parameter: of older servers' limits the least."""
ID = "seedcast.id"
"""The tag by which a run is found again."""
ENDS = {Status.COMPLETED: "FINISHED", Status.FAILED: "FAILED"}


class MLflow:
    """One MLflow run for each experiment, in the MLflow experiment ``name``."""

    def __init__(self, uri: str, name: str = "seedcast") -> None:
        self._entities = library("mlflow.entities", "'seedcast[mlflow]'")
        self._client = library("mlflow.tracking", "'seedcast[mlflow]'").MlflowClient(tracking_uri=uri)
        self._name = name
        self._run = ""

    def begin(self, experiment: Experiment) -> None:
        """Find the experiment's run, or begin one with the specification as its parameters."""
        there = self._client.get_experiment_by_name(self._name)
        home = self._client.create_experiment(self._name) if there is None else there.experiment_id
        found = self._client.search_runs([home], f"tags.`{ID}` = '{experiment.id}'", max_results=1)
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return
        began = int(1000 * experiment.created_at.timestamp())
        run = self._client.create_run(home, began, tags={ID: experiment.id}, run_name=experiment.id)
        self._run = run.info.run_id
        values = settings(experiment.spec.model_dump(mode="json")).items()
        parameters = [self._entities.Param(name, str(value)[:LONGEST]) for name, value in values]
        for start in range(0, len(parameters), MOST_AT_ONCE):
            self._client.log_batch(self._run, params=parameters[start : start + MOST_AT_ONCE])

    def write(self, generation: int, figures: Mapping[str, float], at: float) -> None:
        """Log the figures, in one request."""
        metric = self._entities.Metric
        finite = [(name, value) for name, value in figures.items() if math.isfinite(value)]
        metrics = [metric(name, value, int(1000 * at), generation) for name, value in finite]
        self._client.log_batch(self._run, metrics=metrics)

    def end(self, experiment: Experiment | None) -> None:
        """Say how the experiment ended; an interrupted run stays RUNNING."""
        if experiment is not None:
            self._client.set_tag(self._run, "seedcast.reason", experiment.reason)
            self._client.set_terminated(self._run, ENDS.get(experiment.status, "KILLED"))

"""The master's REST API, as the command line uses it."""

from __future__ import annotations

from typing import Any

import httpx

from services.master.experiments.schemas import Experiment, Progress
from services.master.storage.history import GenerationRecord, TestRecord
from shared.errors import FieldError, InvalidInput, SeedcastError
from shared.spec.experiment import ExperimentSpec


class MasterUnreachable(SeedcastError):
    """The master does not answer."""


class MasterApi:
    """Calls to one master."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=60.0, trust_env=False)

    def alive(self) -> bool:
        """Whether the master takes requests."""
        try:
            return self._http.get("/readyz", timeout=2.0).is_success
        except httpx.HTTPError:
            return False

    def ready_workers(self) -> int:
        """Return how many workers the master can use."""
        return sum(worker["state"] == "ready" for worker in self._call("GET", "/workers")["workers"])

    def experiments(self) -> list[Experiment]:
        """Return all experiments, newest first."""
        rows = self._call("GET", "/experiments")["experiments"]
        return [Experiment.model_validate(row) for row in rows]

    def submit(self, spec: ExperimentSpec) -> Experiment:
        """Start an experiment."""
        body = spec.model_dump(mode="json", exclude_unset=True)
        return Experiment.model_validate(self._call("POST", "/experiments", json=body))

    def experiment(self, experiment_id: str) -> Experiment:
        """Return one experiment."""
        return Experiment.model_validate(self._call("GET", f"/experiments/{experiment_id}"))

    def stop(self, experiment_id: str) -> None:
        """Stop an experiment."""
        self._call("POST", f"/experiments/{experiment_id}/stop")

    def progress(self, experiment_id: str) -> Progress | None:
        """Return how far the running generation is."""
        row = self._call("GET", f"/experiments/{experiment_id}/progress")
        return Progress.model_validate(row) if row else None

    def generations(self, experiment_id: str, after: int) -> list[GenerationRecord]:
        """Return the generations committed after one."""
        path = f"/experiments/{experiment_id}/history"
        rows = self._call("GET", path, params={"after": after})["generations"]
        return [GenerationRecord.model_validate(row) for row in rows]

    def tests(self, experiment_id: str, after: int) -> list[TestRecord]:
        """Return the tests of generations later than one."""
        rows = self._call("GET", f"/experiments/{experiment_id}/tests", params={"after": after})["tests"]
        return [TestRecord.model_validate(row) for row in rows]

    def _call(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise MasterUnreachable(f"the master at {self.url} does not answer ({error})") from error
        if response.is_success:
            return response.json()
        problem = response.json()
        fields = [FieldError(row["field"], row["reason"], row["value"]) for row in problem.get("errors", [])]
        raise InvalidInput(fields) if fields else SeedcastError(problem["detail"])

"""The master's REST API, as the command line uses it."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from services.master.dispatch.fleet import WorkerState
from services.master.experiments.schemas import Experiment, ExperimentList, GenerationList, Progress, TestList
from services.master.storage.history import GenerationRecord, TestRecord
from services.master.workers.schemas import WorkerList
from shared.errors import FieldError, InvalidInput, SeedcastError
from shared.problems import Problem
from shared.spec.experiment import ExperimentSpec

T = TypeVar("T")
EXPERIMENT = TypeAdapter(Experiment)
EXPERIMENTS = TypeAdapter(ExperimentList)
GENERATIONS = TypeAdapter(GenerationList)
PROGRESS: TypeAdapter[Progress | None] = TypeAdapter(Progress | None)
TESTS = TypeAdapter(TestList)
WORKERS = TypeAdapter(WorkerList)


class MasterUnreachable(SeedcastError):
    """The master does not answer, or what answers is none."""


class MasterApi:
    """Calls to one master; with the token in SEEDCAST_TOKEN, if there is one."""

    def __init__(self, url: str) -> None:
        self.url = url
        token = os.environ.get("SEEDCAST_TOKEN", "").strip()
        headers = {b"Authorization": b"Bearer " + token.encode()} if token else None
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60.0, trust_env=False)

    def alive(self, pid: int) -> bool:
        """Whether the master of this process id, and no other one, takes requests."""
        try:
            response = self._http.get("/readyz", timeout=2.0)
            return response.is_success and response.json().get("pid") == pid
        except (httpx.HTTPError, ValueError, AttributeError):
            return False

    def ready_workers(self) -> int:
        """Return how many workers the master can use."""
        return sum(worker.state is WorkerState.READY for worker in self._call(WORKERS, "GET", "/workers").workers)

    def experiments(self) -> list[Experiment]:
        """Return all experiments, newest first."""
        return self._call(EXPERIMENTS, "GET", "/experiments").experiments

    def submit(self, spec: ExperimentSpec) -> Experiment:
        """Start an experiment."""
        body = spec.model_dump(mode="json", exclude_unset=True)
        return self._call(EXPERIMENT, "POST", "/experiments", json=body)

    def experiment(self, experiment_id: str) -> Experiment:
        """Return one experiment."""
        return self._call(EXPERIMENT, "GET", f"/experiments/{experiment_id}")

    def stop(self, experiment_id: str) -> None:
        """Stop an experiment."""
        self._call(EXPERIMENT, "POST", f"/experiments/{experiment_id}/stop")

    def progress(self, experiment_id: str) -> Progress | None:
        """Return how far the running generation is."""
        return self._call(PROGRESS, "GET", f"/experiments/{experiment_id}/progress")

    def generations(self, experiment_id: str, after: int) -> list[GenerationRecord]:
        """Return the generations committed after one."""
        path = f"/experiments/{experiment_id}/history"
        return self._call(GENERATIONS, "GET", path, params={"after": after}).generations

    def tests(self, experiment_id: str, after: int) -> list[TestRecord]:
        """Return the tests of generations later than one."""
        path = f"/experiments/{experiment_id}/tests"
        return self._call(TESTS, "GET", path, params={"after": after}).tests

    def _call(self, answer: TypeAdapter[T], method: str, path: str, **options: Any) -> T:  # noqa: ANN401 - httpx's
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise MasterUnreachable(f"the master at {self.url} does not answer ({error})") from error
        try:
            if response.is_success:
                return answer.validate_json(response.content)
            problem = Problem.model_validate_json(response.content)
        except ValidationError as error:
            reason = f"it answered {response.status_code} to {method} {path}"
            raise MasterUnreachable(f"what answers at {self.url} is no Seedcast master: {reason}") from error
        fields = [FieldError(row.field, row.reason, row.value) for row in problem.errors]
        raise InvalidInput(fields) if fields else SeedcastError(problem.detail)

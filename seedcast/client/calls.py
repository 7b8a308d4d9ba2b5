"""Every call of the API as a value: what is asked, and as what the answer is read. Nothing here waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from seedcast.services.master.catalogue.schemas import (
    EnvironmentList,
    PolicyList,
    StrategyDescription,
    StrategyList,
)
from seedcast.services.master.experiments.changes import Changes, Cloning
from seedcast.services.master.experiments.estimate import Estimate
from seedcast.services.master.experiments.rows import ExperimentRows
from seedcast.services.master.experiments.schemas import (
    ArtifactList,
    EvaluationPage,
    Experiment,
    GenerationPage,
    Progress,
)
from seedcast.services.master.jobs.schemas import EvaluationRequest, Job, JobList, VideoRequest
from seedcast.services.master.studies.schemas import Study, StudyList, StudyReport
from seedcast.services.master.workers.schemas import WorkerList
from seedcast.shared.errors import InvalidInput, NotFound
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.parse import check_spec, read_values
from seedcast.shared.spec.study import StudySpec, read_study
from seedcast.shared.validation import invalid

T = TypeVar("T")
PAGE = 1_000
"""Records that one answer has at most."""
WAIT_SECONDS = 30
"""For a worker that has to be asked first; less than the client waits for an answer."""
Specification = ExperimentSpec | Mapping[str, Any] | str | Path
"""An `ExperimentSpec`, its values, or the path of a YAML or JSON file."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and the type of its answer."""

    method: str
    path: str
    answer: TypeAdapter[T]
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


EXPERIMENT = TypeAdapter(Experiment)
GENERATIONS = TypeAdapter(GenerationPage)
TESTS = TypeAdapter(EvaluationPage)
ARTIFACTS = TypeAdapter(ArtifactList)
PROGRESS: TypeAdapter[Progress | None] = TypeAdapter(Progress | None)
WORKERS = TypeAdapter(WorkerList)
STRATEGIES = TypeAdapter(StrategyList)
STRATEGY = TypeAdapter(StrategyDescription)
POLICIES = TypeAdapter(PolicyList)
ESTIMATE = TypeAdapter(Estimate)
EXPERIMENTS = TypeAdapter(ExperimentRows)
ENVIRONMENTS = TypeAdapter(EnvironmentList)
JOB = TypeAdapter(Job)
JOBS = TypeAdapter(JobList)
STUDY = TypeAdapter(Study)
STUDIES = TypeAdapter(StudyList)
REPORT = TypeAdapter(StudyReport)
NOTHING = TypeAdapter(None)
VALUES = TypeAdapter(dict[str, Any])


def ready() -> Call[dict[str, Any]]:
    """Whether the master takes requests, and who answers."""
    return Call("GET", "/readyz", VALUES)


def version() -> Call[dict[str, Any]]:
    """Which version the master is."""
    return Call("GET", "/version", VALUES)


def submit(spec: Specification, key: str | None = None) -> Call[Experiment]:
    """Start an experiment; the same ``key`` again starts nothing anew.

    Raises:
        InvalidInput: the file cannot be read, or the specification breaks a rule.
    """
    body = checked(spec).model_dump(mode="json", exclude_unset=True)
    return Call("POST", "/experiments", EXPERIMENT, headers=_once(key), json=body)


def estimate(spec: Specification) -> Call[Estimate]:
    """What an experiment would take.

    Raises:
        InvalidInput: as in `submit`.
    """
    body = checked(spec).model_dump(mode="json", exclude_unset=True)
    return Call("POST", "/experiments", ESTIMATE, {"dry_run": "true"}, json=body)


def experiments(filters: Mapping[str, Any], limit: int, cursor: str | None) -> Call[ExperimentRows]:
    """A page of experiments in few words."""
    return Call("GET", "/experiments", EXPERIMENTS, {**filters, "limit": limit, "cursor": cursor})


def change(experiment_id: str, changes: Mapping[str, Any]) -> Call[Experiment]:
    """Change an experiment.

    Raises:
        InvalidInput: something in ``changes`` cannot be changed.
    """
    return Call("PATCH", _of(experiment_id), EXPERIMENT, json=_valid(Changes, changes))


def clone(experiment_id: str, overrides: Mapping[str, Any], model: str | None) -> Call[Experiment]:
    """Start an experiment like another one.

    Raises:
        InvalidInput: there is no model of such a name.
    """
    body = _valid(Cloning, {"overrides": dict(overrides), "model": model})
    return Call("POST", _of(experiment_id, "clone"), EXPERIMENT, json=body)


def evaluate(experiment_id: str, model: str, episodes: int, seed: int) -> Call[Job]:
    """Have a model evaluated.

    Raises:
        InvalidInput: a value is out of range.
    """
    body = _valid(EvaluationRequest, {"model": model, "episodes": episodes, "seed": seed})
    return Call("POST", _of(experiment_id, "evaluations"), JOB, json=body)


def film(experiment_id: str, model: str, seed: int) -> Call[Job]:
    """Have a model filmed.

    Raises:
        InvalidInput: a value is out of range.
    """
    body = _valid(VideoRequest, {"model": model, "seed": seed})
    return Call("POST", _of(experiment_id, "videos"), JOB, json=body)


def job(experiment_id: str, number: int) -> Call[Job]:
    """An evaluation or a video."""
    return Call("GET", _of(experiment_id, "jobs", str(number)), JOB)


def jobs(experiment_id: str) -> Call[JobList]:
    """The evaluations and videos that were asked for."""
    return Call("GET", _of(experiment_id, "jobs"), JOBS)


def log_path(experiment_id: str) -> str:
    """Where the end of an experiment's log is."""
    return _of(experiment_id, "log")


def events_path(experiment_id: str) -> str:
    """Where an experiment's events are."""
    return _of(experiment_id, "events")


def environments(text: str) -> Call[EnvironmentList]:
    """The environments of the fleet."""
    return Call("GET", "/environments", ENVIRONMENTS, {"text": text, "limit": 5000, "wait": WAIT_SECONDS})


def experiment(experiment_id: str) -> Call[Experiment]:
    """One experiment."""
    return Call("GET", _of(experiment_id), EXPERIMENT)


def stop(experiment_id: str) -> Call[Experiment]:
    """Stop an experiment."""
    return Call("POST", _of(experiment_id, "stop"), EXPERIMENT)


def pause(experiment_id: str) -> Call[Experiment]:
    """Pause an experiment."""
    return Call("POST", _of(experiment_id, "pause"), EXPERIMENT)


def resume(experiment_id: str) -> Call[Experiment]:
    """Go on with an experiment."""
    return Call("POST", _of(experiment_id, "resume"), EXPERIMENT)


def delete(experiment_id: str, force: bool) -> Call[None]:
    """Delete an experiment."""
    return Call("DELETE", _of(experiment_id), NOTHING, {"force": "true" if force else None})


def progress(experiment_id: str) -> Call[Progress | None]:
    """How far the generation in the making is."""
    return Call("GET", _of(experiment_id, "progress"), PROGRESS)


def generations(experiment_id: str, after: int, limit: int) -> Call[GenerationPage]:
    """So many of the generations committed after one."""
    return Call("GET", _of(experiment_id, "generations"), GENERATIONS, {"after": after, "limit": limit})


def tests(experiment_id: str, after: int, limit: int) -> Call[EvaluationPage]:
    """So many of the tests of generations later than one."""
    return Call("GET", _of(experiment_id, "evaluations"), TESTS, {"after": after, "limit": limit})


def artifacts(experiment_id: str) -> Call[ArtifactList]:
    """The files of an experiment."""
    return Call("GET", _of(experiment_id, "artifacts"), ARTIFACTS)


def artifact_path(experiment_id: str, name: str) -> str:
    """Where a file of an experiment is downloaded from."""
    return _of(experiment_id, "artifacts", name)


def workers() -> Call[WorkerList]:
    """The fleet."""
    return Call("GET", "/workers", WORKERS)


def strategies() -> Call[StrategyList]:
    """The registered strategies."""
    return Call("GET", "/strategies", STRATEGIES)


def strategy(name: str) -> Call[StrategyDescription]:
    """One registered strategy."""
    return Call("GET", f"/strategies/{_id('strategy', name)}", STRATEGY)


def policies() -> Call[PolicyList]:
    """The registered policies."""
    return Call("GET", "/policies", POLICIES)


def submit_study(spec: StudySpec | str | Path, key: str | None = None) -> Call[Study]:
    """Start a study; the same ``key`` again starts nothing anew.

    Raises:
        InvalidInput: the file cannot be read, or the specification breaks a rule.
    """
    if not isinstance(spec, StudySpec):
        spec = read_study(spec)
    body = spec.model_dump(mode="json", exclude_unset=True)
    return Call("POST", "/studies", STUDY, headers=_once(key), json=body)


def studies() -> Call[StudyList]:
    """All studies, newest first."""
    return Call("GET", "/studies", STUDIES)


def study(study_id: str) -> Call[StudyReport]:
    """One study with its trials, the best first."""
    return Call("GET", _of_study(study_id), REPORT)


def stop_study(study_id: str) -> Call[Study]:
    """Stop a study and its runs."""
    return Call("POST", _of_study(study_id, "stop"), STUDY)


def checked(spec: Specification) -> ExperimentSpec:
    """Return a specification, whatever it was given as.

    Raises:
        InvalidInput: the file cannot be read, or the specification breaks a rule.
    """
    if isinstance(spec, ExperimentSpec):
        return spec
    if isinstance(spec, Mapping):
        return check_spec(dict(spec))
    return check_spec(read_values(spec))


def _valid(kind: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent of values that the master would take; what is wrong is said before it is asked."""
    try:
        plain = to_jsonable_python(dict(values), inf_nan_mode="constants")  # tuples are lists there, too
        return kind.model_validate(plain).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        raise invalid(error, values) from error
    except PydanticSerializationError as error:
        raise InvalidInput.of("body", f"holds what cannot be sent: {error}") from error


def _of(experiment_id: str, *parts: str) -> str:
    return "/".join(["/experiments", _id("experiment", experiment_id), *(quote(part, safe="") for part in parts)])


def _once(key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    if not (key.isascii() and key.isprintable() and key.strip()):
        raise InvalidInput.of("key", "must be printable ASCII, as a header carries it", key)
    return {"Idempotency-Key": key}


def _of_study(study_id: str, *parts: str) -> str:
    return "/".join(["/studies", _id("study", study_id), *parts])


def _id(kind: str, given: str) -> str:
    """Return an id as a part of a path; one that is empty, or of two parts, would be another endpoint's."""
    if not given or "/" in given or given in (".", ".."):
        raise NotFound(f"there is no {kind} {given!r}")
    return quote(given, safe="")

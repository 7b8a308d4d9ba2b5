"""What the studies' endpoints answer."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from seedcast.services.master.studies.plan import RunState
from seedcast.shared.spec.study import StudySpec


class StudyStatus(StrEnum):
    """Where a study stands."""

    ACTIVE = "active"
    COMPLETED = "completed"
    STOPPED = "stopped"


class Study(BaseModel):
    """One study, without its runs."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Its name and a random suffix.")
    name: str = Field(description="As in the specification.")
    status: StudyStatus
    reason: str = Field(description="Why it ended, or what keeps it from going on.")
    created_at: datetime = Field(description="When it was submitted.")
    finished_at: datetime | None = Field(description="When it ended.")
    runs: int = Field(description="How many it has begun.")
    most_runs: int = Field(description="How many it may have: trials times seeds.")
    core_hours: float = Field(description="What its runs have used.")
    spec: StudySpec


class StudyList(BaseModel):
    """All studies, newest first."""

    studies: list[Study]


class StudyEstimate(BaseModel):
    """What a valid study would take at most. Nothing has been started."""

    trials: int = Field(description="How many settings are tried.")
    runs: int = Field(description="Trials times seeds.")
    environment_steps: int = Field(description="Training steps of all runs together.")
    seconds: float | None = Field(
        description="At the fleet's pace of now: a rough upper bound; null while it makes no steps."
    )
    core_hours: float | None = Field(description="The same on all slots there are now, within the budget.")


class StudyRun(BaseModel):
    """One run of a trial: an ordinary experiment."""

    seed: int = Field(description="Its experiment's seed.")
    experiment_id: str | None = Field(description="Its experiment; null: it could not be begun.")
    state: RunState
    reason: str = Field(description="Why it ended, or could not be begun.")
    environment_steps: int = Field(description="As of its last generation.")
    elapsed_seconds: float = Field(description="Wall time spent training.")
    core_hours: float = Field(description="How long slots worked on it.")
    last_score: float | None = Field(description="The mean return of its last test.")
    best_score: float | None = Field(description="That of its best test: flattered, where there were many.")


class Interval(BaseModel):
    """An interquartile mean over seeds with its 95% bootstrap interval."""

    mean: float = Field(description="The interquartile mean.")
    low: float | None = Field(description="Where the interval begins; null: one run says nothing of the spread.")
    high: float | None = Field(description="Where the interval ends; null likewise.")


class Trial(BaseModel):
    """One setting, over its seeds."""

    trial: int = Field(description="Its number, from 0.")
    values: dict[str, JsonValue] = Field(description="What was set, by field.")
    score: Interval | None = Field(
        description="Over its runs' last tests (where runs compete: of those that went furthest); null: none yet."
    )
    runs: list[StudyRun]


class TrialComparison(BaseModel):
    """Whether two trials differ: a two-sided Mann-Whitney test, adjusted by Holm's method for all pairs."""

    first: int = Field(description="A trial.")
    second: int = Field(description="Another.")
    probability_of_improvement: float = Field(description="That a run of the first beats one of the second.")
    p_value: float = Field(description="As it is.")
    adjusted: float = Field(description="For as many comparisons as there are.")


class StudyReport(BaseModel):
    """A study with its trials, the best first, and how they compare."""

    study: Study
    trials: list[Trial]
    comparisons: list[TrialComparison] = Field(
        description="Of all pairs with two runs or more each, of the 20 best trials that came as far as the best; "
        "none where runs compete."
    )


class Curve(BaseModel):
    """A trial's test return against what it has used: interquartile mean and interval over its seeds."""

    trial: int = Field(description="Its number, from 0.")
    runs: int = Field(description="How many of its runs are in it; one run alone has no interval.")
    x: list[float] = Field(description="What was used, as `against` says.")
    mean: list[float] = Field(description="The interquartile mean at each.")
    low: list[float] = Field(description="Where its 95% interval begins.")
    high: list[float] = Field(description="Where it ends.")


class StudyCurves(BaseModel):
    """The curves of a study's trials."""

    against: str = Field(description="environment_steps, elapsed_seconds or core_seconds.")
    curves: list[Curve]

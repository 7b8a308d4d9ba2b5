"""What is asked of a trained model besides its training, and what comes of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from seedcast.services.master.experiments.changes import MODEL_NAME
from seedcast.services.master.storage.records import ReturnSummary
from seedcast.shared.spec.base import Given

Kind = Literal["evaluation", "video"]


class JobStatus(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def active(self) -> bool:
        """Whether it will still change."""
        return self in (JobStatus.PENDING, JobStatus.RUNNING)


class JobRequest(Given):
    """Which model, on which episodes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(pattern=MODEL_NAME)] = Field(
        default="best_model.npz", description="Of the experiment's files, such as `model_40.npz`."
    )
    seed: Annotated[int, Field(ge=0, lt=2**53)] = Field(
        default=0, description="Other seeds, other episodes; none of them is one that training sees."
    )


class VideoRequest(JobRequest):
    """Which model is filmed, on which episode."""


class EvaluationRequest(JobRequest):
    """Which model is evaluated, on which episodes."""

    episodes: Annotated[int, Field(ge=1, le=10_000)] = Field(default=100, description="How many are played.")


class JobResult(BaseModel):
    """What came of it: of an evaluation the returns, of a video the file."""

    model_config = ConfigDict(frozen=True)

    generation: int = Field(description="The one that the model was tested after.")
    returns: ReturnSummary | None = Field(default=None, description="Of an evaluation: plain returns in figures.")
    episode_returns: list[float] | None = Field(default=None, description="Each of them, in the order of seeds.")
    failed_episodes: int = Field(default=0, description="Of these; each counts as the worst return of the others.")
    mean_length: float | None = Field(default=None, description="Steps per episode.")
    fingerprints: list[str] = Field(default_factory=list, description="Of the workers that played.")
    artifact: str | None = Field(default=None, description="Of a video: its file among the artifacts.")
    episode_return: float | None = Field(default=None, description="The return of the episode filmed.")


class Job(BaseModel):
    """An evaluation or a video that was asked for."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="By which it is asked for again.")
    experiment_id: str = Field(description="Whose model it is about.")
    kind: Kind = Field(description="What was asked for.")
    status: JobStatus
    reason: str = Field(default="", description="Why it failed.")
    model: str = Field(description="The model's file.")
    seed: int = Field(description="Which the episodes' seeds are drawn by.")
    episodes: int = Field(description="How many are played; of a video one.")
    result: JobResult | None = Field(default=None, description="What came of it, once it is done.")
    created_at: datetime = Field(description="When it was asked for.")
    finished_at: datetime | None = Field(default=None, description="When it was done, or failed.")


class JobList(BaseModel):
    """An experiment's evaluations and videos, newest first."""

    jobs: list[Job]

"""What the experiments' endpoints answer."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from seedcast.services.master.experiments.prices import Cost
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.storage.artifacts import Artifact
from seedcast.services.master.storage.records import GenerationRecord, TestRecord
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.objective import Direction, sign_of
from seedcast.shared.spec.task import TaskDescription


class Experiment(BaseModel):
    """One experiment: its specification, where it stands, and its counters as of the last committed generation."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Its name and a random suffix.")
    name: str = Field(description="As in the specification.")
    status: Status
    active: bool = Field(description="Whether there is work to do: it runs, or goes on by itself.")
    reason: str = Field(description="Why it waits, ended or failed.")
    generation: int = Field(description="How many are committed.")
    environment_steps: int = Field(description="Training steps, tests not counted.")
    elapsed_seconds: float = Field(
        description="Wall time spent training, tests and commits included; waiting for workers or for the disk, "
        "and restarts, are not."
    )
    core_hours: float = Field(description="How long slots have worked, tests included: a slot is a core.")
    cost: Cost | None = Field(
        default=None, description="What they cost, where the master has been told the price of one."
    )
    best_test_return: float | None = Field(description="The mean return of the best test so far.")
    best_generation: int | None = Field(description="The generation that it was made after.")
    note: str = Field(default="", description="What people wrote about it.")
    archived: bool = Field(default=False, description="Whether it is put away.")
    created_at: datetime = Field(description="When it was submitted.")
    finished_at: datetime | None = Field(description="When it ended.")
    dimension: int | None = Field(
        description="Parameters of the policy; null until a worker described the environment."
    )
    direction: Direction = Field(
        default="maximise", description="Whether larger returns are better; smaller ones of some objectives."
    )
    description: TaskDescription | None
    fingerprints: list[str] = Field(
        default_factory=list,
        description="Of the machines that its numbers come from, the first one first. Where `determinism` is "
        "strict there is one, and it uses no others.",
    )
    mixed_fingerprints: bool = Field(
        default=False,
        description="More than one kind of machine took part: the same specification may not give the same bits "
        "again.",
    )
    spec: ExperimentSpec

    @property
    def sign(self) -> int:
        """What a return is multiplied by so that larger is better."""
        return sign_of(self.direction)


class Progress(BaseModel):
    """How far the generation in the making is: for progress bars. Nothing of it is committed yet."""

    model_config = ConfigDict(frozen=True)

    generation: int = Field(description="The one in the making, counted from 1.")
    rollouts_done: int = Field(description="How many of its rollouts are back.")
    rollouts: int = Field(description="How many it has; a test beside it counts.")


class ArtifactList(BaseModel):
    """An experiment's files."""

    artifacts: list[Artifact]


class GenerationPage(BaseModel):
    """Some of the committed generations, oldest first."""

    generations: list[GenerationRecord]
    next_after: int | None = Field(description="What `after` has to be for the next page; null: this is the last.")


class EvaluationPage(BaseModel):
    """Some of the tests, oldest first."""

    evaluations: list[TestRecord]
    next_after: int | None = Field(description="What `after` has to be for the next page; null: this is the last.")


class GenerationList(BaseModel):
    """Committed generations, oldest first."""

    generations: list[GenerationRecord]


class TestList(BaseModel):
    """Tests, oldest first."""

    tests: list[TestRecord]

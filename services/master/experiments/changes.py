"""What may be changed of an experiment, and specifications made out of others."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, StrictBool

from seedcast.services.master.experiments.schemas import Experiment
from seedcast.shared.spec.base import Given
from seedcast.shared.spec.curriculum import Curriculum, ends_in_order, merged
from seedcast.shared.spec.experiment import ExperimentSpec, Tag
from seedcast.shared.spec.parse import check_spec

MODEL_NAME = r"^(best_model|model_[0-9]{1,10})\.npz$"
PARENT = "parent"
"""The tag of a clone that names what it is a clone of."""


class Changes(Given):
    """What is to be changed; what is left out stays. The numbers that a run has come to cannot be changed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str | None = Field(default=None, description="As in a specification. The id stays.")
    note: Annotated[str, Field(max_length=10_000)] | None = Field(default=None, description="Free text.")
    tags: Annotated[dict[Tag, Tag], Field(max_length=50)] | None = Field(default=None, description="All of them.")
    archived: StrictBool | None = Field(
        default=None, description="Put it away: lists leave it out; nothing else changes."
    )
    share: float | None = Field(default=None, description="As in a specification; from the next generation on.")
    determinism: Literal["relaxed"] | None = Field(
        default=None,
        description="Have a run that is at rest go on with machines of any kind, where those it began on are "
        "gone. Not to be taken back.",
    )
    stop: dict[str, JsonValue] | None = Field(
        default=None,
        description="Stop conditions by their names in a specification; null takes one away. A completed run "
        "of which none is met any more goes on.",
    )
    curriculum: Curriculum | None = Field(
        default=None,
        description="All stages of a run that is at rest. Those that are over stay, and so does the one it is in, "
        "but for its end, which has to lie ahead; a run in the task itself may be given a stage without settings "
        "that ends, and others behind it. From the start, the same specification gives the same run.",
    )

    def applied_to(self, spec: ExperimentSpec) -> ExperimentSpec:
        """Return the changed specification.

        Raises:
            InvalidInput: a value is none that a specification may have.
        """
        values = spec.model_dump(mode="json")
        names = ("name", "tags", "share", "determinism")
        values |= {name: value for name in names if (value := getattr(self, name)) is not None}
        values["stop"] |= self.stop or {}
        if self.curriculum is not None:
            values["curriculum"] = [stage.model_dump(mode="json") for stage in self.curriculum]
            ends_in_order(self.curriculum)
        return check_spec(values, taken_in=True)


class Cloning(Given):
    """What a clone has that the original has not."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    overrides: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Merged into the specification as in RFC 7396: objects are merged, null takes a field away.",
    )
    model: Annotated[str, Field(pattern=MODEL_NAME)] | None = Field(
        default=None,
        description="A branch: the clone starts from this model of the original, such as `model_40.npz`.",
    )

    def applied_to(self, original: Experiment) -> ExperimentSpec:
        """Return the clone's specification, tagged with its parent.

        Raises:
            InvalidInput: the overrides make it one that breaks a rule.
        """
        values = merged(original.spec.model_dump(mode="json"), self.overrides)
        if self.model is not None:
            values["warm_start"] = f"experiments/{original.id}/{self.model}"
        tags = values.get("tags")
        if isinstance(tags, dict):
            tags.setdefault(PARENT, original.id[:100])
        return check_spec(values)


def unmet(spec: ExperimentSpec, experiment: Experiment) -> bool:
    """Whether an experiment would train on if ``spec`` were its specification."""
    stop, sign = spec.stop, experiment.sign
    return not (
        experiment.generation >= stop.generations
        or (stop.environment_steps is not None and experiment.environment_steps >= stop.environment_steps)
        or (stop.wall_time_seconds is not None and experiment.elapsed_seconds >= stop.wall_time_seconds)
        or (
            stop.target is not None
            and experiment.best_test_return is not None
            and sign * experiment.best_test_return >= sign * stop.target
        )
    )

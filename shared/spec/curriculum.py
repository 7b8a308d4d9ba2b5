"""A curriculum: stages that come before the task itself, each an easier or shorter form of it.

The specification around the curriculum is its last stage, and what tests test in every stage. A stage says what
differs from it and when it ends; the mean, σ, momentum and the normaliser go on from stage to stage, but for a σ
that a stage has another one of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.base import Spec
from seedcast.shared.spec.environment import EnvironmentDescription
from seedcast.shared.validation import contradiction

Overrides = Annotated[dict[str, JsonValue], Field(max_length=50)]


class StageEndSpec(Spec):
    """When a stage ends: with the first generation that reaches any of these, counted over the whole run."""

    generations: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, description="After so many in all, those of earlier stages counted."
    )
    environment_steps: Annotated[int, Field(ge=1, le=10**15)] | None = Field(
        default=None, description="After so many training steps in all, those of earlier stages counted."
    )
    training_return: float | None = Field(
        default=None, description="Mean plain return of a generation's rollouts, in the stage's own environment."
    )
    test_return: float | None = Field(
        default=None, description="Mean return of the last test before the generation, on the task itself."
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if all(value is None for value in self.model_dump().values()):
            raise contradiction("", "a stage needs an end: one of " + ", ".join(type(self).model_fields))
        return self

    def reached(
        self,
        generation: int,
        environment_steps: int,
        training_return: float,
        test_return: float | None,
        sign: int = 1,
    ) -> bool:
        """Whether a stage is over after ``generation``; ``test_return`` is of the last test, if there was one.

        ``sign`` is -1 where smaller returns are better.
        """
        limits_and_values = (
            (self.generations, generation, 1),
            (self.environment_steps, environment_steps, 1),
            (self.training_return, training_return, sign),
            (self.test_return, test_return, sign),
        )
        return any(
            limit is not None and value is not None and sign * value >= sign * limit
            for limit, value, sign in limits_and_values
        )


class StageSpec(Spec):
    """One stage: what differs from the specification around it. Given parts are merged into it, null takes out."""

    until: StageEndSpec = Field(description="When the next stage begins.")
    environment: Overrides = Field(
        default_factory=dict,
        description="Fields of `environment`: other `kwargs`, or the `id` of one with the same spaces. "
        "It runs on the task's engine unless it names an `engine`, and with its `kwargs` unless they are null.",
    )
    objective: Overrides = Field(
        default_factory=dict,
        description="Fields of `objective`: other `kwargs`, null for none, or the `id` of one as large.",
    )
    fitness: Overrides = Field(default_factory=dict, description="Fields of `fitness`.")
    strategy: Overrides = Field(
        default_factory=dict, description="Fields of `strategy` that leave the shape of its state as it is."
    )
    population_size: int | None = Field(default=None, description="In place of the experiment's own.")
    adaptive_population: Overrides | None = Field(default=None, description="Fields of `adaptive_population`.")
    episodes_per_member: int | None = Field(default=None, description="In place of the experiment's own.")
    episode_seeds: Literal["generation", "pair", "member"] | None = Field(
        default=None, description="In place of the experiment's own."
    )

    def applied_to(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a specification's plain ``values`` with this stage's in their place, without a curriculum."""
        parts = ("environment", "objective", "fitness", "strategy", "adaptive_population")
        overrides = self.model_dump(exclude={"until", *parts}, exclude_none=True)
        overrides |= {part: given for part in parts if (given := getattr(self, part))}
        return merged({name: value for name, value in values.items() if name != "curriculum"}, overrides)


Curriculum = Annotated[list[StageSpec], Field(max_length=20)]


@contextmanager
def refused_of_stage(number: int) -> Iterator[None]:
    """Name what is refused of a stage's task as the specification does."""
    try:
        yield
    except InvalidInput as refusal:
        error = refusal.errors[0]
        raise InvalidInput.of(f"curriculum.{number}.{error.field}", error.reason, error.value) from refusal


def refuse_other_spaces(
    number: int, id_: str, there: EnvironmentDescription, task: EnvironmentDescription
) -> None:
    """Refuse a stage in an environment whose observations or actions are not those of the task.

    Raises:
        InvalidInput: they are not.
    """
    if (there.observation_size, there.actions) != (task.observation_size, task.actions):
        reason = "its observations or actions are not those of the task: one policy has to fit both"
        raise InvalidInput.of(f"curriculum.{number}.environment", reason, id_)


def ends_in_order(stages: Sequence[StageSpec]) -> None:
    """See that each stage ends after those before it, by each count that they give: both are of the whole run.

    Raises:
        InvalidInput: one would end as it begins.
    """
    for count in ("generations", "environment_steps"):
        latest = 0
        for number, stage in enumerate(stages):
            end = getattr(stage.until, count)
            if end is not None and end <= latest:
                reason = f"it counts the whole run, and an earlier stage ends at {latest}: give more, got {end}"
                raise InvalidInput.of(f"curriculum.{number}.until.{count}", reason, end)
            latest = end or latest


def merged(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` with those of ``overrides`` in their place, as in RFC 7396.

    Mappings are merged in turn, and null takes a field away. A mapping with another ``name`` is another choice
    (another optimizer, say): it replaces the one that was there, and begins with its own defaults.
    """
    result = dict(values)
    for name, value in overrides.items():
        there = result.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(there, dict) and isinstance(value, dict) and _same_choice(there, value):
            result[name] = merged(there, value)
        else:
            result[name] = value
    return result


def _same_choice(there: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return given.get("name") in (None, there.get("name"))

"""What an environment is: the part of a specification that travels to the workers."""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from seedcast.shared.spec.base import Spec

Engine = Literal["auto", "envpool", "pybullet", "gymnasium", "entry_points"]

MAX_KWARGS_DEPTH = 10
MAX_KWARGS_BYTES = 16_384


def _bounded_depth(kwargs: object) -> object:
    """Refuse deep nesting before anything descends into it."""
    level, depth = [kwargs], 0
    while level := [item for value in level for item in _inside(value)]:
        depth += 1
        if depth > MAX_KWARGS_DEPTH:
            raise PydanticCustomError("kwargs", "Values should be at most {most} deep", {"most": MAX_KWARGS_DEPTH})
    return kwargs


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _bounded_size(kwargs: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Refuse what is long as JSON, or what cannot be written as such."""
    try:
        size = len(json.dumps(kwargs))
    except ValueError as error:  # an integer of more digits than Python converts
        raise PydanticCustomError("kwargs", "Values should be plain JSON: {why}", {"why": str(error)}) from error
    if size > MAX_KWARGS_BYTES:
        message = "Values should have at most {most} bytes as JSON, these have {size}"
        raise PydanticCustomError("kwargs", message, {"most": MAX_KWARGS_BYTES, "size": size})
    return kwargs


Kwargs = Annotated[
    dict[str, JsonValue], Field(max_length=50), BeforeValidator(_bounded_depth), AfterValidator(_bounded_size)
]


class EnvironmentSpec(Spec):
    """Names a registered environment; nothing here is ever imported by path."""

    id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w./:-]+$", examples=["CartPole-v1"])] = (
        Field(description="As Gymnasium, EnvPool, PyBullet or an entry point calls it.")
    )
    kwargs: Kwargs = Field(default_factory=dict, description="Passed to the environment's constructor.")
    engine: Engine = Field(
        default="auto", description="`auto`: the first of these, in this order, that has the environment."
    )
    max_episode_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Overrides the environment's own limit; needed where it has none."
    )
    rollout_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=60.0,
        description="What a slot may take for a unit of rollouts, or for one alone: beyond it, it is killed. "
        "Units are planned for half of it at most, so give twice what the longest rollout takes.",
    )

    def on(self, engine: str) -> EnvironmentSpec:
        """Return the environment on the engine that it names, or else on ``engine``; no worker chooses another."""
        return self if self.engine != "auto" else self.model_copy(update={"engine": engine})


class ContinuousActions(Spec):
    """A box of real actions; ``None`` stands for no bound."""

    kind: Literal["continuous"] = "continuous"
    low: list[float | None] = Field(description="Lower bound of each action.")
    high: list[float | None] = Field(description="Upper bound of each action.")


class DiscreteActions(Spec):
    """One choice out of ``count``."""

    kind: Literal["discrete"] = "discrete"
    count: Annotated[int, Field(ge=1)] = Field(description="How many there are to choose from.")


class MultiDiscreteActions(Spec):
    """Several choices at once, the ``i``-th out of ``counts[i]``."""

    kind: Literal["multi_discrete"] = "multi_discrete"
    counts: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] = Field(
        description="How many there are to choose from, for each choice."
    )


ActionSpace = Annotated[ContinuousActions | DiscreteActions | MultiDiscreteActions, Field(discriminator="kind")]


class EnvironmentDescription(Spec):
    """What a worker says of an environment: all the master has to know to size a policy."""

    sign: ClassVar[int] = 1
    """Larger returns are better; see `ObjectiveDescription.sign`."""

    observation_size: Annotated[int, Field(ge=1)] = Field(description="Values in a flattened observation.")
    actions: ActionSpace
    max_episode_steps: Annotated[int, Field(ge=1)] = Field(description="Where an episode is cut off.")
    reward_threshold: float | None = Field(
        default=None, description="The return that counts as solved, if the environment names one."
    )
    engine: str = Field(description="What runs it.")
    seed_fault: str | None = Field(
        default=None,
        description="How two episodes with one seed were seen to differ: results depend on more than the "
        "specification then. Null where they were the same.",
    )

"""What an environment is: the part of a specification that travels to the workers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from shared.spec.base import Spec

Engine = Literal["auto", "envpool", "pybullet", "gymnasium", "entry_points"]


class EnvironmentSpec(Spec):
    """Names a registered environment; nothing here is ever imported by path."""

    id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w./:-]+$", examples=["CartPole-v1"])]
    kwargs: Annotated[dict[str, JsonValue], Field(max_length=50)] = Field(
        default_factory=dict, description="Passed to the environment's constructor."
    )
    engine: Engine = Field(
        default="auto", description="`auto`: the first of these, in this order, that has the environment."
    )
    max_episode_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Overrides the environment's own limit; needed where it has none."
    )
    rollout_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=120.0, description="A rollout that takes longer is killed and counted as a timeout."
    )


class ContinuousActions(Spec):
    """A box of real actions; ``None`` stands for no bound."""

    kind: Literal["continuous"] = "continuous"
    low: list[float | None]
    high: list[float | None]


class DiscreteActions(Spec):
    """One choice out of ``count``."""

    kind: Literal["discrete"] = "discrete"
    count: Annotated[int, Field(ge=1)]


class MultiDiscreteActions(Spec):
    """Several choices at once, the ``i``-th out of ``counts[i]``."""

    kind: Literal["multi_discrete"] = "multi_discrete"
    counts: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]


ActionSpace = Annotated[ContinuousActions | DiscreteActions | MultiDiscreteActions, Field(discriminator="kind")]


class EnvironmentDescription(Spec):
    """What a worker says of an environment: all the master has to know to size a policy."""

    observation_size: Annotated[int, Field(ge=1)]
    actions: ActionSpace
    max_episode_steps: Annotated[int, Field(ge=1)]
    reward_threshold: float | None = None
    engine: str

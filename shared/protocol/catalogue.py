"""What a worker says of the environments that it has."""

from __future__ import annotations

from pydantic import BaseModel, Field

from seedcast.shared.spec.environment import ActionSpace, ContinuousActions, MultiDiscreteActions


class OfferedEnvironment(BaseModel):
    """An environment to choose."""

    id: str = Field(description="What a specification calls it.")
    family: str = Field(description="What it belongs to: Box2D, MuJoCo, MetaWorld, …")
    engine: str = Field(description="What runs it, where the specification does not say.")
    observation_size: int | None = Field(
        default=None, description="Values in an observation; null: it is described when it is used."
    )
    actions: ActionSpace | None = Field(default=None, description="What it takes; null as above.")
    max_episode_steps: int | None = Field(default=None, description="Where an episode is cut off; null as above.")
    reward_threshold: float | None = Field(default=None, description="The return that counts as solved, if any.")
    refusal: str | None = Field(
        default=None, description="Why it is not offered, if that is so: nobody can use it."
    )

    @property
    def action_size(self) -> int | None:
        """How many numbers or choices an action consists of."""
        if isinstance(self.actions, ContinuousActions):
            return len(self.actions.low)
        if isinstance(self.actions, MultiDiscreteActions):
            return len(self.actions.counts)
        return None if self.actions is None else 1

    def matches(self, text: str) -> bool:
        """Whether every word of ``text`` stands in its id, family or engine."""
        where = f"{self.id} {self.family} {self.engine}".lower()
        return all(word in where for word in text.lower().split())


class EnvironmentCatalogue(BaseModel):
    """Environments, by id, and those that are refused."""

    environments: list[OfferedEnvironment]

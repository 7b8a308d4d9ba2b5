"""What an experiment would take: the answer to a POST with ``dry_run``."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, Field

from seedcast.services.master.strategies.base import Strategy
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.objective import ObjectiveDescription
from seedcast.shared.spec.strategies import STRATEGIES
from seedcast.shared.spec.task import TaskDescription, search_space


class Estimate(BaseModel):
    """What a valid specification would take at most. Nothing has been started."""

    parameters: int | None = Field(
        description="Of the policy, or an objective's dimension; null while no worker describes the environment."
    )
    master_memory_bytes: int | None = Field(description="What the strategy takes of the master's memory.")
    rollouts_per_generation: int = Field(description="At most.")
    training_rollouts: int = Field(description="If all `stop.generations` are made.")
    environment_steps: int | None = Field(
        description="If every training episode is as long as it may be; an evaluation of an objective counts 1."
    )
    steps_per_second: float | None = Field(
        description="What the fleet makes now, of all experiments and environments; null while it makes none."
    )
    seconds: float | None = Field(description="The steps at that pace: an upper bound, and a rough one.")
    core_hours: float | None = Field(description="The same on all slots there are now.")


def estimate(
    spec: ExperimentSpec, description: TaskDescription | None, steps_per_second: float, slots: int
) -> Estimate:
    """Reckon what ``spec`` takes on a fleet of so many ``slots`` that makes so many steps a second now."""
    rollouts = spec.largest_generation
    total = rollouts * spec.stop.generations
    parameters = memory = steps = None
    if description is not None:
        parameters = search_space(spec, description).dimension
        strategy = cast(type[Strategy], STRATEGIES[spec.strategy.name])
        memory = strategy.memory_bytes(spec.strategy, parameters, spec.largest_population)
        steps = total * (1 if isinstance(description, ObjectiveDescription) else description.max_episode_steps)
        if spec.stop.environment_steps is not None:
            steps = min(steps, spec.stop.environment_steps)
    seconds = steps / steps_per_second if steps is not None and steps_per_second > 0 else None
    return Estimate(
        parameters=parameters,
        master_memory_bytes=memory,
        rollouts_per_generation=rollouts,
        training_rollouts=total,
        environment_steps=steps,
        steps_per_second=steps_per_second or None,
        seconds=seconds,
        core_hours=seconds * slots / 3600 if seconds is not None else None,
    )

"""What is evaluated: a policy in an environment, or an objective. Specifications, units and models name one.

::

    Task ------- Rollouts        environment + policy; described by EnvironmentDescription
           `---- ObjectiveSpec   described by ObjectiveDescription
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from seedcast.shared.errors import InvalidInput
from seedcast.shared.low_rank import Matrix
from seedcast.shared.policies.base import PolicySpec
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec
from seedcast.shared.spec.policy import build_policy
from seedcast.shared.validation import contradiction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TaskDescription = EnvironmentDescription | ObjectiveDescription

EITHER = "give either environment and policy, or objective"


class Rollouts(NamedTuple):
    """A policy that acts in an environment."""

    environment: EnvironmentSpec
    policy: PolicySpec


class TaskFields:
    """Of a model with the fields ``environment``, ``policy`` and ``objective``: what it evaluates."""

    if TYPE_CHECKING:
        environment: EnvironmentSpec | None
        policy: PolicySpec | None
        objective: ObjectiveSpec | None

    def check_task(self) -> None:
        """Make sure that it names one task, whole.

        Raises:
            ValueError: it does not; the message says what to do.
        """
        rollouts = [self.environment, self.policy]
        if self.objective is not None and rollouts != [None, None]:
            raise contradiction("objective", f"stands beside environment or policy: {EITHER}")
        if self.objective is None and rollouts == [None, None]:
            raise contradiction("environment", f"is missing: {EITHER}")
        if self.objective is None and self.environment is None:
            raise contradiction("environment", "is missing: a policy acts in an environment")
        if self.objective is None and self.policy is None:
            raise contradiction("policy", "is missing: something has to act in the environment")

    @property
    def rollouts(self) -> Rollouts:
        """The environment and the policy.

        Raises:
            InvalidInput: it is of an objective, which has neither.
        """
        if self.environment is None or self.policy is None:
            raise InvalidInput.of("objective", f"{self.task_id} has no environment and no policy")
        return Rollouts(self.environment, self.policy)

    @property
    def task_id(self) -> str:
        """The id of the environment or of the objective."""
        task = self.objective or self.environment
        return task.id if task is not None else ""

    @property
    def timeout_seconds(self) -> float:
        """What a slot may take for a unit."""
        return (
            self.objective.timeout_seconds if self.objective else self.rollouts.environment.rollout_timeout_seconds
        )


class SearchSpace(Protocol):
    """Where a strategy searches: the parameters of a policy, or the unbounded space behind an objective."""

    @property
    def dimension(self) -> int:
        """How many numbers it has."""
        ...

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """The parts of it that are matrices."""
        ...

    def initial_parameters(self, seed: int) -> NDArray[np.float32]:
        """Return where a search begins ``(dimension,)``."""
        ...


def search_space(task: TaskFields, description: TaskDescription) -> SearchSpace:
    """Return the space of a task, given what a worker says of it.

    Raises:
        InvalidInput: the policy's options do not fit the environment's action space.
    """
    if isinstance(description, ObjectiveDescription):
        return description
    space: SearchSpace = build_policy(task.rollouts.policy, description)
    return space

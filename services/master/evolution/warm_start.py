"""Starting a search from a trained model, which has to be one of the very policy that is searched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model
from seedcast.shared.observation_stats import ObservationStatistics
from seedcast.shared.policies.base import Policy, PolicySpec
from seedcast.shared.spec.environment import ActionSpace, ContinuousActions, EnvironmentDescription
from seedcast.shared.spec.task import SearchSpace, TaskDescription

FREE = frozenset({"action_noise", "initial_std"})
"""Fields of a policy that say how it is trained, not what its parameters mean."""


def warm_start(
    model: Model, space: SearchSpace, description: TaskDescription, observations: int | None = None
) -> tuple[NDArray[np.float32], ObservationStatistics | None]:
    """Return the mean ``(dimension,)`` to start from, and the statistics where observations are normalised.

    These count as so many ``observations``; None: as many as the model has seen.

    Raises:
        InvalidInput: the parameters mean something else in the model's policy; the first such field is named.
    """
    if not (isinstance(space, Policy) and isinstance(description, EnvironmentDescription)):
        return _solution(model, description), None
    policy = space
    _refuse_another_policy(model.metadata.rollouts.policy, policy.spec)
    _refuse_other_actions(model.metadata.spaces.actions, description.actions)
    if model.parameters.shape != (policy.dimension,):
        raise _refusal("parameters", model.parameters.size, policy.dimension)
    if not policy.spec.normalise_observations:
        return model.parameters.copy(), None
    if model.normaliser is None:
        raise InvalidInput.of(
            "warm_start", "the model's policy normalises observations, and its normaliser is missing"
        )
    if model.normaliser.mean.shape != (description.observation_size,):
        raise _refusal("observation size", model.normaliser.mean.size, description.observation_size)
    count = observations or max(1, model.metadata.observation_count)
    return model.parameters.copy(), ObservationStatistics.of_normaliser(model.normaliser, count)


def _solution(model: Model, description: TaskDescription) -> NDArray[np.float32]:
    """Return a solution of an objective, whose numbers mean the same under the same bounds only."""
    theirs = model.metadata.description
    for field in ("dimension", "lower", "upper"):
        one, other = getattr(theirs, field, "none"), getattr(description, field, "none")
        if one != other:
            raise _refusal(field, one, other)
    return model.parameters.copy()


def _refuse_another_policy(theirs: PolicySpec, ours: PolicySpec) -> None:
    if theirs.name != ours.name:
        raise _refusal("policy.name", theirs.name, ours.name)
    for field in type(ours).model_fields:
        one, other = getattr(theirs, field), getattr(ours, field)
        if field == "actions":  # not given, it is tanh, or nothing where actions are discrete
            one, other = one or "tanh", other or "tanh"
        if field not in FREE and one != other:
            raise _refusal(f"policy.{field}", one, other)


def _refuse_other_actions(theirs: ActionSpace, ours: ActionSpace) -> None:
    if theirs.kind != ours.kind:
        raise _refusal("action space", theirs.kind, ours.kind)
    if isinstance(theirs, ContinuousActions) and isinstance(ours, ContinuousActions):
        same = _same_bounds(theirs.low, ours.low) and _same_bounds(theirs.high, ours.high)
    else:
        same = theirs == ours
    if not same:
        raise _refusal("action space", theirs.model_dump(exclude={"kind"}), ours.model_dump(exclude={"kind"}))


def _same_bounds(one: list[float | None], other: list[float | None]) -> bool:
    """Compare bounds up to float32, which some engines state them in."""
    first, second = (np.array([np.nan if bound is None else bound for bound in bounds]) for bounds in (one, other))
    return len(first) == len(second) and np.allclose(first, second, rtol=1e-6, atol=0, equal_nan=True)


def _refusal(what: str, theirs: object, ours: object) -> InvalidInput:
    return InvalidInput.of("warm_start", f"the model's {what} is {theirs}, here it is {ours}")

"""From Gymnasium's spaces to flat observations and actions that a policy understands."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import ActionSpace, ContinuousActions, DiscreteActions, MultiDiscreteActions

Space = spaces.Space[Any]
Observation = NDArray[np.float32]
"""``(observation_size,)``"""

# Gymnasium says so of every space whose bounds EnvPool gives in float64; nobody reads the bounds.
warnings.filterwarnings("ignore", message=".*precision lowered by casting", category=UserWarning)


def observation_size(space: Space) -> int:
    """Return the length of the flattened observation.

    Raises:
        InvalidInput: observations of this kind have no fixed length.
    """
    if not space.is_np_flattenable or not (size := spaces.flatdim(space)):
        raise InvalidInput.of("environment.id", f"has observations that cannot be flattened: {space}")
    return size


def action_space(space: Space) -> ActionSpace:
    """Return the action space as a specification.

    Raises:
        InvalidInput: the actions are neither choices nor a box of real numbers.
    """
    if isinstance(space, spaces.Discrete):
        return DiscreteActions(count=int(space.n))
    if isinstance(space, spaces.MultiDiscrete):
        return MultiDiscreteActions(counts=space.nvec.ravel().tolist())
    if isinstance(space, spaces.MultiBinary):
        return MultiDiscreteActions(counts=[2] * math.prod(space.shape))
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return ContinuousActions(low=_bounds(space.low), high=_bounds(space.high))
    reason = f"has actions of a kind that no policy gives (only choices and real boxes): {space}"
    raise InvalidInput.of("environment.id", reason)


def _bounds(values: NDArray[Any]) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values.ravel()]


def flatten(space: Space, observation: Any) -> Observation:  # noqa: ANN401 - whatever the space holds
    """Flatten one observation as its space says."""
    if isinstance(space, spaces.Box):
        return np.asarray(observation, np.float32).ravel()
    return np.asarray(spaces.flatten(space, observation), np.float32)


def native_action(space: Space, action: Any) -> Any:  # noqa: ANN401 - whatever the space holds
    """Turn a policy's action into a member of the environment's action space."""
    if isinstance(space, spaces.Discrete):
        return int(space.start) + int(action)
    if isinstance(space, spaces.MultiDiscrete):
        return (space.start + action.reshape(space.shape)).astype(space.dtype)
    if isinstance(space, spaces.MultiBinary):
        return action.reshape(space.shape).astype(space.dtype)
    if not isinstance(space, spaces.Box):
        return action
    # Scaling in float32 may overshoot a bound by a rounding error, which some environments refuse.
    return np.clip(action.reshape(space.shape), space.low, space.high).astype(space.dtype)

"""From a policy's raw outputs to actions that an environment takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import ActionSpace, ContinuousActions, DiscreteActions, MultiDiscreteActions

ActionScaling = Literal["tanh", "clip"]


class ActionHead(ABC):
    """Maps raw outputs ``(lanes, outputs)`` to actions, lane by lane."""

    outputs: int
    """How many raw outputs a policy must have."""

    @abstractmethod
    def __call__(self, outputs: NDArray[np.float32]) -> NDArray[Any]:
        """Return one action per lane."""


class DiscreteHead(ActionHead):
    """The largest output wins; of equal ones, the first."""

    def __init__(self, space: DiscreteActions) -> None:
        self.outputs = space.count

    def __call__(self, outputs: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the choices ``(lanes,)``."""
        return np.asarray(outputs.argmax(axis=1), np.int64)


class MultiDiscreteHead(ActionHead):
    """Each choice has outputs of its own; in each the largest wins, of equal ones the first."""

    def __init__(self, space: MultiDiscreteActions) -> None:
        self.outputs = sum(space.counts)
        self._ends = np.cumsum(space.counts).tolist()
        self._starts = [end - count for end, count in zip(self._ends, space.counts, strict=True)]

    def __call__(self, outputs: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the choices ``(lanes, choices)``."""
        spans = zip(self._starts, self._ends, strict=True)
        return np.stack([outputs[:, start:end].argmax(axis=1) for start, end in spans], axis=1)


class ContinuousHead(ActionHead):
    """Multiplies outputs by a gain, squashes them into [-1, 1], then scales them into the action space.

    A dimension without bounds on both sides takes the multiplied output as it is.
    """

    def __init__(self, space: ContinuousActions, scaling: ActionScaling, gain: float = 1.0) -> None:
        self.outputs = len(space.low)
        self._scaling = scaling
        self._gain = np.float32(gain)
        bounded = np.array(
            [low is not None and high is not None for low, high in zip(space.low, space.high, strict=True)]
        )
        low = np.array([0.0 if value is None else value for value in space.low])
        high = np.array([0.0 if value is None else value for value in space.high])
        self._unbounded = np.flatnonzero(~bounded)
        self._centre = np.where(bounded, (high + low) / 2, 0).astype(np.float32)
        self._half_range = np.where(bounded, (high - low) / 2, 1).astype(np.float32)

    def __call__(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the actions ``(lanes, outputs)``."""
        if self._gain != 1:
            outputs = outputs * self._gain
        squashed = np.tanh(outputs) if self._scaling == "tanh" else np.clip(outputs, -1.0, 1.0)
        if self._unbounded.size:
            squashed[:, self._unbounded] = outputs[:, self._unbounded]
        return squashed * self._half_range + self._centre


def action_head(space: ActionSpace, scaling: ActionScaling | None, gain: float = 1.0) -> ActionHead:
    """Return the head for an action space.

    Raises:
        InvalidInput: a scaling or a gain was asked for where actions are discrete.
    """
    if isinstance(space, ContinuousActions):
        return ContinuousHead(space, scaling or "tanh", gain)
    choices = space.count if isinstance(space, DiscreteActions) else space.counts
    for field, given, default in (("actions", scaling, None), ("output_gain", gain, 1.0)):
        if given != default:
            reason = f"is for continuous actions only; this environment has {choices} discrete actions"
            raise InvalidInput.of(f"policy.{field}", reason, given)
    return DiscreteHead(space) if isinstance(space, DiscreteActions) else MultiDiscreteHead(space)

"""A policy made symmetric: mirrored observations give mirrored actions, to the bit, whatever its parameters.

Around any policy f with raw outputs, with M and A the mirrors of observations and actions::

    g(o) = ½ (f(o) + A f(M o))        so that        g(M o) = A g(o)

f acts in two lanes for each of g: one sees what is there, the other its mirror image. Each has a memory of its
own, if f has one. The normaliser of the observations has to be symmetric, too: `Mirror.evened` makes it so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.errors import InvalidInput
from seedcast.shared.low_rank import LowRank, Matrix
from seedcast.shared.policies.base import FloatArray, LaneIndex, Policy, PolicyLanes
from seedcast.shared.policies.symmetry import Mirror, SymmetrySpec
from seedcast.shared.spec.environment import ActionSpace, ContinuousActions


class SymmetricPolicy(Policy):
    """Another policy, made symmetric; its parameters are the other's."""

    def __init__(self, inner: Policy, symmetry: SymmetrySpec, actions: ActionSpace) -> None:
        """Make ``inner`` symmetric.

        Raises:
            InvalidInput: the symmetry has indices that are not there, or signs of discrete choices.
        """
        if symmetry.actions.negate and not isinstance(actions, ContinuousActions):
            reason = "is for continuous actions only: discrete choices can change places, but have no sign"
            raise InvalidInput.of("policy.symmetry.actions.negate", reason)
        self.spec = inner.spec
        self.observation_size = inner.observation_size
        self.head = inner.head
        self.layout = inner.layout
        self._inner = inner
        self._observations = Mirror(symmetry.observations, inner.observation_size, "observations")
        self._actions = Mirror(symmetry.actions, inner.head.outputs, "actions")

    def initial_parameters(self, seed: int) -> FloatArray:
        """Return the other policy's."""
        return self._inner.initial_parameters(seed)

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """The other policy's."""
        return self._inner.matrices

    def lanes(self, width: int) -> PolicyLanes:
        """Return room for ``width`` episodes at once."""
        return SymmetricLanes(self._inner.lanes(2 * width), self._observations, self._actions)

    def perturbed_lanes(self, width: int, mean: FloatArray, low_rank: LowRank) -> PolicyLanes | None:
        """Return room for ``width`` episodes around ``mean``, if the other policy has a way to."""
        lanes = self._inner.perturbed_lanes(2 * width, mean, low_rank)
        return SymmetricLanes(lanes, self._observations, self._actions) if lanes is not None else None


class SymmetricLanes(PolicyLanes):
    """Lane ``i`` is lanes ``2 i`` and ``2 i + 1`` of the other policy; the second sees the mirror image."""

    def __init__(self, inner: PolicyLanes, observations: Mirror, actions: Mirror) -> None:
        self._inner = inner
        self._observations = observations
        self._actions = actions

    def load(self, lanes: LaneIndex, parameters: FloatArray) -> None:
        """Put ``parameters (n, …)`` into lanes ``(n,)``."""
        both = _both(lanes)
        self._inner.load(both, np.repeat(parameters.reshape(len(both) // 2, -1), 2, axis=0))

    def move(self, sources: LaneIndex, targets: LaneIndex) -> None:
        """Move running episodes to other lanes."""
        self._inner.move(_both(sources), _both(targets))

    def outputs(self, observations: FloatArray) -> FloatArray:
        """Map ``(live, observation_size)`` to ``(live, outputs)``."""
        seen = np.stack([observations, self._observations(observations)], axis=1)
        raw = self._inner.outputs(seen.reshape(2 * len(seen), -1)).reshape(len(seen), 2, -1)
        mean: FloatArray = raw[:, 0] + self._actions(raw[:, 1])
        mean *= np.float32(0.5)
        return mean


def _both(lanes: LaneIndex) -> NDArray[np.intp]:
    """Return the other policy's lanes ``(2 n,)`` of lanes ``(n,)``."""
    first: NDArray[np.intp] = 2 * np.atleast_1d(np.asarray(lanes, np.intp))
    return np.stack([first, first + 1], axis=1).ravel()

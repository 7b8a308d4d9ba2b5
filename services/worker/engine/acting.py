"""In which form a unit's members act: as whole rows of parameters, or as perturbations of the mean they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.perturbations import GaussianMembers
from seedcast.shared.policies.base import FloatArray, Policy, PolicyLanes
from seedcast.shared.protocol import Unit


class Acting:
    """The lanes that a unit's members act in, and what these lanes load.

    The form depends on the kind of members and on the policy, and never on how many of them share a unit: the
    forms differ in rounding.
    """

    def __init__(self, unit: Unit, policy: Policy) -> None:
        self._members = unit.parameters
        self._policy = policy
        self._perturbed = self._perturbed_lanes(1) is not None
        self.numbers = policy.dimension
        """How many float32 numbers a lane holds."""
        if self._perturbed and isinstance(self._members, GaussianMembers):
            self.numbers = self._members.layout.numbers
        if policy.spec.symmetry is not None:
            self.numbers *= 2  # a lane of it is two of the policy that is made symmetric

    def lanes(self, width: int) -> PolicyLanes:
        """Return room for ``width`` episodes at once."""
        return self._perturbed_lanes(width) or self._policy.lanes(width)

    def rows(self, index: NDArray[np.int32]) -> FloatArray:
        """Return what lanes load of the members of an index ``(n,)``: ``(n, numbers)``."""
        if self._perturbed and isinstance(self._members, GaussianMembers):
            return self._members.around_the_mean(index)
        return self._members[index]

    def _perturbed_lanes(self, width: int) -> PolicyLanes | None:
        members = self._members
        if not isinstance(members, GaussianMembers) or members.key.low_rank is None:
            return None
        return self._policy.perturbed_lanes(width, members.mean, members.key.low_rank)

"""A gated linear unit as a policy: one linear map, switched on and off, output by output, by another.

Dauphin, Fan, Auli and Grangier, "Language modeling with gated convolutional networks" (2016,
https://arxiv.org/abs/1612.08083), equation 1: outputs = (x W + b) σ(x V + c).

Layout: ``weights`` W ``(observations, outputs)``, ``bias`` b ``(outputs,)``, then ``gate_weights`` V and
``gate_bias`` c of the same shapes, each in C order.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from seedcast.shared.policies.base import FloatArray, LaneIndex, Policy, PolicyLanes, PolicySpec, blocks
from seedcast.shared.spec.environment import ActionSpace


class GatedSpec(PolicySpec):
    """What a specification may say; ``name`` is the entry point's."""

    name: Literal["gated"]
    sharpness: float = 1.0
    """Multiplies the gate's argument."""


class GatedPolicy(Policy):
    """Says what the flat parameters mean."""

    Spec = GatedSpec

    def __init__(self, spec: GatedSpec, observation_size: int, actions: ActionSpace) -> None:
        super().__init__(spec, observation_size, actions)
        self.sharpness = np.float32(spec.sharpness)
        weights, bias = (observation_size, self.head.outputs), (self.head.outputs,)
        self.layout = blocks(
            [("weights", weights), ("bias", bias), ("gate_weights", weights), ("gate_bias", bias)]
        )

    def lanes(self, width: int) -> PolicyLanes:
        """Return room for ``width`` episodes at once."""
        return GatedLanes(self, width)


class GatedLanes(PolicyLanes):
    """Acts for many episodes at once, each with parameters of its own.

    Every lane is an item of a stacked product, so that its bits do not depend on its company.
    """

    def __init__(self, policy: GatedPolicy, width: int) -> None:
        self._sharpness = policy.sharpness
        self._parameters = np.zeros((width, policy.dimension), np.float32)
        views = [block.stacked_view(self._parameters) for block in policy.layout]
        self._weights, self._bias, self._gate_weights, self._gate_bias = views

    def load(self, lanes: LaneIndex, parameters: FloatArray) -> None:
        """Put ``parameters (n, dimension)`` into lanes ``(n,)``."""
        self._parameters[lanes] = parameters

    def move(self, sources: LaneIndex, targets: LaneIndex) -> None:
        """Move running episodes to other lanes."""
        self._parameters[targets] = self._parameters[sources]

    def outputs(self, observations: FloatArray) -> FloatArray:
        """Map ``(live, observation_size)`` to ``(live, outputs)``."""
        live = len(observations)
        values = observations[:, None, :]
        linear = np.matmul(values, self._weights[:live])[:, 0, :] + self._bias[:live]
        gate = np.matmul(values, self._gate_weights[:live])[:, 0, :] + self._gate_bias[:live]
        return linear * (np.tanh(self._sharpness * gate / 2) + 1) / 2  # σ(x) = (1 + tanh(x / 2)) / 2

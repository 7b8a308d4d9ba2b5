"""A linear policy, the one of Mania, Guy and Recht (2018, https://arxiv.org/abs/1803.07055).

Layout: ``weights_0 (inputs, outputs)`` in C order, then, if there is one, ``bias_0 (outputs,)``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool

from seedcast.shared.policies.base import FloatArray, PolicySpec, blocks
from seedcast.shared.policies.mlp import DensePolicy
from seedcast.shared.spec.environment import ActionSpace


class LinearSpec(PolicySpec):
    """One matrix, and a bias if wanted."""

    name: Literal["linear"]
    bias: StrictBool = Field(default=True, description="Whether there are biases.")


class LinearPolicy(DensePolicy):
    """The matrix as flat parameters."""

    Spec = LinearSpec

    def __init__(self, spec: LinearSpec, observation_size: int, actions: ActionSpace) -> None:
        super().__init__(spec, observation_size, actions)
        bias = [("bias_0", (self.head.outputs,))] if spec.bias else []
        self.layout = blocks([("weights_0", (observation_size, self.head.outputs)), *bias])
        self.activation = _none


def _none(_: FloatArray) -> None:
    """A linear policy has no layer between input and output."""

"""A multi-layer perceptron of any depth.

Layout, for each layer in turn: ``weights (inputs, outputs)`` in C order, then ``bias (outputs,)``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, StrictBool

from seedcast.shared.low_rank import LowRank
from seedcast.shared.policies.base import FloatArray, LaneIndex, Policy, PolicyLanes, PolicySpec, blocks
from seedcast.shared.policies.weights import Centre, LaneParameters, Weights
from seedcast.shared.spec.environment import ActionSpace

Activation = Literal["tanh", "relu", "elu", "sigmoid", "identity"]


def _relu(values: FloatArray) -> None:
    np.maximum(values, 0, out=values)


def _elu(values: FloatArray) -> None:
    np.copyto(values, np.expm1(np.minimum(values, 0)), where=values < 0)  # large ones would overflow


def sigmoid(values: FloatArray) -> None:
    """Apply the logistic function in place."""
    np.multiply(values, 0.5, out=values)  # sigmoid(x) = (1 + tanh(x / 2)) / 2, which cannot overflow
    np.tanh(values, out=values)
    np.add(values, 1, out=values)
    np.multiply(values, 0.5, out=values)


def _tanh(values: FloatArray) -> None:
    np.tanh(values, out=values)


def _identity(_: FloatArray) -> None:
    pass


ACTIVATIONS: dict[Activation, Callable[[FloatArray], None]] = {
    "tanh": _tanh,
    "relu": _relu,
    "elu": _elu,
    "sigmoid": sigmoid,
    "identity": _identity,
}
"""Each works in place."""


class MLPSpec(PolicySpec):
    """A multi-layer perceptron."""

    name: Literal["mlp"]
    hidden: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(max_length=16)] = Field(
        default=[16], description="Units of each hidden layer; [] makes the policy linear."
    )
    activation: Activation = Field(default="tanh", description="Between the layers.")
    bias: StrictBool = Field(default=True, description="Whether layers have biases.")


class DensePolicy(Policy):
    """Dense layers, one after another; its layout is each layer's matrix, then its bias if it has one."""

    activation: Callable[[FloatArray], None]
    """What comes between two layers; it works in place."""

    def lanes(self, width: int) -> PolicyLanes:
        """Return room for ``width`` episodes at once."""
        return DenseLanes(self, LaneParameters(self.layout, width))

    def perturbed_lanes(self, width: int, mean: FloatArray, low_rank: LowRank) -> PolicyLanes | None:
        """Return room for ``width`` episodes around ``mean``, if the matrices are the policy's."""
        centre = Centre(mean, low_rank)
        return DenseLanes(self, LaneParameters(self.layout, width, centre)) if centre.fits(self.layout) else None


class MLPPolicy(DensePolicy):
    """The perceptron as flat parameters."""

    Spec = MLPSpec

    def __init__(self, spec: MLPSpec, observation_size: int, actions: ActionSpace) -> None:
        super().__init__(spec, observation_size, actions)
        sizes = [observation_size, *spec.hidden, self.head.outputs]
        shapes: list[tuple[str, tuple[int, ...]]] = []
        for index, (inputs, outputs) in enumerate(pairwise(sizes)):
            shapes.append((f"weights_{index}", (inputs, outputs)))
            if spec.bias:
                shapes.append((f"bias_{index}", (outputs,)))
        self.layout = blocks(shapes)
        self.activation = ACTIVATIONS[spec.activation]


class DenseLanes(PolicyLanes):
    """Dense layers at work: one item of a product per lane and layer."""

    def __init__(self, policy: DensePolicy, parameters: LaneParameters) -> None:
        self._activation = policy.activation
        self._parameters = parameters
        self._layers: list[tuple[Weights, FloatArray | None]] = []
        for block in policy.layout:
            if len(block.shape) == 2:
                self._layers.append((parameters.matrix(block.name), None))
            else:
                self._layers[-1] = (self._layers[-1][0], parameters.vector(block.name))

    def load(self, lanes: LaneIndex, parameters: FloatArray) -> None:
        """Put ``parameters (n, …)`` into lanes ``(n,)``."""
        self._parameters.load(lanes, parameters)

    def move(self, sources: LaneIndex, targets: LaneIndex) -> None:
        """Move running episodes to other lanes."""
        self._parameters.move(sources, targets)

    def outputs(self, observations: FloatArray) -> FloatArray:
        """Map ``(live, observation_size)`` to ``(live, outputs)``."""
        live = len(observations)
        values = observations[:, None, :]
        last = len(self._layers) - 1
        for index, (weights, bias) in enumerate(self._layers):
            values = weights.product(values)
            if bias is not None:
                values += bias[:live]
            if index < last:
                self._activation(values)
        return values[:, 0, :]

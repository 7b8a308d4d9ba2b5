"""A recurrent policy with one hidden layer: its state lives as long as the episode.

Elman, "Finding structure in time" (1990, https://doi.org/10.1207/s15516709cog1402_1)::

    h ← tanh(x U + h W + b)

GRU, Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation"
(2014, https://arxiv.org/abs/1406.1078), with the gates side by side in the columns of U, W and b::

    r = σ(x U_r + h W_r + b_r)    z = σ(x U_z + h W_z + b_z)
    h ← z h + (1 − z) tanh(x U_n + (r h) W_n + b_n)

Outputs are h V + c. Layout: ``input_weights`` U ``(observations, gates · hidden)``, ``recurrent_weights`` W
``(hidden, gates · hidden)``, ``recurrent_bias`` b ``(gates · hidden,)``, ``output_weights`` V
``(hidden, outputs)``, ``output_bias`` c ``(outputs,)``, each in C order; gates are 1 for Elman and 3 (r, z, n)
for a GRU.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from seedcast.shared.low_rank import LowRank
from seedcast.shared.policies.base import FloatArray, LaneIndex, Policy, PolicyLanes, PolicySpec, blocks
from seedcast.shared.policies.mlp import sigmoid
from seedcast.shared.policies.weights import Centre, LaneParameters
from seedcast.shared.spec.environment import ActionSpace

Cell = Literal["elman", "gru"]
GATES: dict[Cell, int] = {"elman": 1, "gru": 3}


class RecurrentSpec(PolicySpec):
    """A recurrent policy."""

    name: Literal["recurrent"]
    cell: Cell = Field(default="gru", description="How the state goes on.")
    hidden: Annotated[int, Field(ge=1, le=4096)] = Field(default=16, description="Values in the state.")


class RecurrentPolicy(Policy):
    """The cell and its output layer as flat parameters."""

    Spec = RecurrentSpec

    def __init__(self, spec: RecurrentSpec, observation_size: int, actions: ActionSpace) -> None:
        super().__init__(spec, observation_size, actions)
        self.hidden = spec.hidden
        self.cell = spec.cell
        wide = GATES[spec.cell] * spec.hidden
        self.layout = blocks(
            [
                ("input_weights", (observation_size, wide)),
                ("recurrent_weights", (spec.hidden, wide)),
                ("recurrent_bias", (wide,)),
                ("output_weights", (spec.hidden, self.head.outputs)),
                ("output_bias", (self.head.outputs,)),
            ]
        )

    def lanes(self, width: int) -> PolicyLanes:
        """Return room for ``width`` episodes at once."""
        return RecurrentLanes(self, width, LaneParameters(self.layout, width))

    def perturbed_lanes(self, width: int, mean: FloatArray, low_rank: LowRank) -> PolicyLanes | None:
        """Return room for ``width`` episodes around ``mean``, if the matrices are the policy's."""
        centre = Centre(mean, low_rank)
        if not centre.fits(self.layout):
            return None
        return RecurrentLanes(self, width, LaneParameters(self.layout, width, centre))


class RecurrentLanes(PolicyLanes):
    """Parameters and hidden state of each lane; every product has one item a lane."""

    def __init__(self, policy: RecurrentPolicy, width: int, parameters: LaneParameters) -> None:
        self._hidden = policy.hidden
        self._advance = self._elman if policy.cell == "elman" else self._gru
        self._parameters = parameters
        self._state = np.zeros((width, 1, policy.hidden), np.float32)
        self._input, self._output = parameters.matrix("input_weights"), parameters.matrix("output_weights")
        self._recurrent = parameters.matrix("recurrent_weights")
        gates = 2 * policy.hidden  # of a GRU; its candidate's columns come after them
        if policy.cell == "gru":
            self._recurrent_gates = self._recurrent.columns(0, gates)
            self._recurrent_candidate = self._recurrent.columns(gates, gates + policy.hidden)
        self._bias, self._output_bias = parameters.vector("recurrent_bias"), parameters.vector("output_bias")

    def load(self, lanes: LaneIndex, parameters: FloatArray) -> None:
        """Put ``parameters (n, …)`` into lanes ``(n,)`` and forget what they remembered."""
        self._parameters.load(lanes, parameters)
        self._state[lanes] = 0

    def move(self, sources: LaneIndex, targets: LaneIndex) -> None:
        """Move running episodes, memory included, to other lanes."""
        self._parameters.move(sources, targets)
        self._state[targets] = self._state[sources]

    def outputs(self, observations: FloatArray) -> FloatArray:
        """Map ``(live, observation_size)`` to ``(live, outputs)`` and remember."""
        live = len(observations)
        state = self._advance(observations[:, None, :], self._state[:live], live)
        self._state[:live] = state
        outputs: FloatArray = self._output.product(state) + self._output_bias[:live]
        return outputs[:, 0, :]

    def _elman(self, inputs: FloatArray, state: FloatArray, live: int) -> FloatArray:
        recurrent = self._recurrent.product(state)
        driven = self._input.product(inputs) + self._bias[:live]
        fresh: FloatArray = np.tanh(driven + recurrent)
        return fresh

    def _gru(self, inputs: FloatArray, state: FloatArray, live: int) -> FloatArray:
        hidden = self._hidden
        driven = self._input.product(inputs) + self._bias[:live]
        gates = driven[:, :, : 2 * hidden] + self._recurrent_gates.product(state)
        sigmoid(gates)
        reset, update = gates[:, :, :hidden], gates[:, :, hidden:]
        candidate = self._recurrent_candidate.product(reset * state)
        candidate += driven[:, :, 2 * hidden :]
        fresh: FloatArray = np.tanh(candidate)
        kept: FloatArray = update * state + (1 - update) * fresh
        return kept

"""A model as an ONNX graph: from observations ``(batch, observation_size)`` to what the environment takes.

The graph is the whole policy: normaliser, layers, and the head. ``action`` is int64 ``(batch,)`` for one choice,
``(batch, choices)`` for several, float32 ``(batch, actions)`` for real ones. A recurrent policy has a second input
and output, ``state`` and ``next_state`` ``(batch, hidden)``, or ``(batch, 2 hidden)`` where it is symmetric; it is
zero at the start of an episode.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.interchange.tensors import named_arrays
from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model
from seedcast.shared.observation_stats import CLIP
from seedcast.shared.policies.linear import LinearSpec
from seedcast.shared.policies.mlp import MLPSpec
from seedcast.shared.policies.recurrent import RecurrentSpec
from seedcast.shared.policies.symmetry import Mirror
from seedcast.shared.spec.environment import ContinuousActions, DiscreteActions, MultiDiscreteActions
from seedcast.shared.whole_file import whole_file

OPSET = 18
IR_VERSION = 10
"""Old enough for runtimes of 2024."""

ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "elu": "Elu", "sigmoid": "Sigmoid", "identity": "Identity"}


def write_onnx(model: Model, path: Path) -> None:
    """Write a model as an ONNX file.

    Raises:
        InvalidInput: the policy is none of ours, or the package onnx is not installed.
        OSError: it cannot be written there.
    """
    try:
        import onnx  # an extra: seedcast[export]
    except ImportError as error:
        raise InvalidInput.of("--onnx", "needs the package onnx: pip install 'seedcast[export]'") from error
    graph = _Graph(onnx)
    size = model.metadata.spaces.observation_size
    float32 = onnx.TensorProto.FLOAT
    inputs = [onnx.helper.make_tensor_value_info("observation", float32, ["batch", size])]
    seen = "observation"
    arrays = named_arrays(model)
    if model.normaliser is not None:
        seen = graph.add("Sub", seen, graph.constant(arrays["normaliser_mean"]))
        seen = graph.add("Div", seen, graph.constant(arrays["normaliser_std"]))
        seen = graph.add("Clip", seen, graph.constant(np.float32(-CLIP)), graph.constant(np.float32(CLIP)))
    spec, actions = model.metadata.rollouts.policy, model.metadata.spaces.actions
    passes = [seen]
    if spec.symmetry is not None:
        passes.append(graph.mirrored(seen, Mirror(spec.symmetry.observations, size, "observations")))
    outputs = []
    if isinstance(spec, MLPSpec | LinearSpec):
        raw = _dense(graph, passes, arrays, "identity" if isinstance(spec, LinearSpec) else spec.activation)
    elif isinstance(spec, RecurrentSpec):
        held: list[Any] = ["batch", spec.hidden * len(passes)]
        inputs.append(onnx.helper.make_tensor_value_info("state", float32, held))
        outputs.append(onnx.helper.make_tensor_value_info("next_state", float32, held))
        raw = _recurrent(graph, passes, arrays, spec)
    else:
        raise InvalidInput.of("policy.name", "is of a kind that is not exported to ONNX", spec.name)
    if spec.symmetry is not None:
        mirror = Mirror(spec.symmetry.actions, model.policy().head.outputs, "actions")
        both = graph.add("Add", raw[0], graph.mirrored(raw[1], mirror))
        raw = [graph.add("Mul", both, graph.constant(np.float32(0.5)))]
    if spec.output_gain != 1:
        raw = [graph.add("Mul", raw[0], graph.constant(np.float32(spec.output_gain)))]
    action = _head(graph, raw[0], actions, spec.actions or "tanh")
    graph.add("Identity", action, output="action")
    real = isinstance(actions, ContinuousActions)
    shape: list[Any] = ["batch"] if isinstance(actions, DiscreteActions) else ["batch", _width(actions)]
    kind = float32 if real else onnx.TensorProto.INT64
    outputs.insert(0, onnx.helper.make_tensor_value_info("action", kind, shape))
    made = onnx.helper.make_graph(graph.nodes, "policy", inputs, outputs, graph.constants)
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    whole = onnx.helper.make_model(made, opset_imports=opsets, producer_name="seedcast", ir_version=IR_VERSION)
    onnx.helper.set_model_props(whole, {"seedcast": model.metadata.model_dump_json()})
    onnx.checker.check_model(whole, full_check=True)
    with whole_file(path) as file:
        file.write(whole.SerializeToString())


class _Graph:
    """Nodes and constants, named as they come."""

    def __init__(self, onnx: Any) -> None:  # noqa: ANN401 - a module without types
        self._onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: NDArray[Any] | np.generic) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self._onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operation: str, *inputs: str, output: str = "", **attributes: Any) -> str:  # noqa: ANN401
        name = output or f"value_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def columns(self, value: str, start: int, end: int) -> str:
        bounds = [self.constant(np.array([number], np.int64)) for number in (start, end, 1)]
        return self.add("Slice", value, *bounds)

    def mirrored(self, value: str, mirror: Mirror) -> str:
        places = self.add("Gather", value, self.constant(mirror.places), axis=1)
        return self.add("Mul", places, self.constant(mirror.signs))


def _dense(graph: _Graph, values: list[str], arrays: dict[str, NDArray[np.float32]], activation: str) -> list[str]:
    """Return the raw outputs of each pass."""
    last = sum(name.startswith("weights_") for name in arrays) - 1
    for index in range(last + 1):
        weights = graph.constant(arrays[f"weights_{index}"])
        values = [graph.add("MatMul", value, weights) for value in values]
        if (array := arrays.get(f"bias_{index}")) is not None:
            bias = graph.constant(array)
            values = [graph.add("Add", value, bias) for value in values]
        if index < last:
            values = [graph.add(ACTIVATIONS[activation], value) for value in values]
    return values


def _recurrent(
    graph: _Graph, passes: list[str], arrays: dict[str, NDArray[np.float32]], spec: RecurrentSpec
) -> list[str]:
    """Return the raw outputs of each pass, which have their states side by side in ``state``."""
    hidden = spec.hidden
    states = [graph.columns("state", index * hidden, (index + 1) * hidden) for index in range(len(passes))]
    drives, recurrent_bias = graph.constant(arrays["input_weights"]), graph.constant(arrays["recurrent_bias"])
    driven = [graph.add("Add", graph.add("MatMul", seen, drives), recurrent_bias) for seen in passes]
    advance = _elman if spec.cell == "elman" else _gru
    states = advance(graph, driven, states, arrays["recurrent_weights"])
    graph.add("Concat", *states, output="next_state", axis=1)
    weights, bias = graph.constant(arrays["output_weights"]), graph.constant(arrays["output_bias"])
    return [graph.add("Add", graph.add("MatMul", state, weights), bias) for state in states]


def _elman(graph: _Graph, driven: list[str], states: list[str], weights: NDArray[np.float32]) -> list[str]:
    """Return the next states; formula and layout as in `seedcast.shared.policies.recurrent`."""
    recurrent = graph.constant(weights)
    return [
        graph.add("Tanh", graph.add("Add", one, graph.add("MatMul", state, recurrent)))
        for one, state in zip(driven, states, strict=True)
    ]


def _gru(graph: _Graph, driven: list[str], states: list[str], weights: NDArray[np.float32]) -> list[str]:
    """Return the next states; formulas and layout as in `seedcast.shared.policies.recurrent`."""
    hidden = len(weights)
    of_gates, of_candidate = graph.constant(weights[:, : 2 * hidden]), graph.constant(weights[:, 2 * hidden :])
    unit = graph.constant(np.float32(1))
    following = []
    for one, state in zip(driven, states, strict=True):
        gates = graph.add("Add", graph.columns(one, 0, 2 * hidden), graph.add("MatMul", state, of_gates))
        gates = graph.add("Sigmoid", gates)
        reset, update = graph.columns(gates, 0, hidden), graph.columns(gates, hidden, 2 * hidden)
        remembered = graph.add("MatMul", graph.add("Mul", reset, state), of_candidate)
        candidate = graph.add("Tanh", graph.add("Add", graph.columns(one, 2 * hidden, 3 * hidden), remembered))
        kept, rest = graph.add("Mul", update, state), graph.add("Sub", unit, update)
        following.append(graph.add("Add", kept, graph.add("Mul", rest, candidate)))
    return following


def _head(
    graph: _Graph, raw: str, space: ContinuousActions | DiscreteActions | MultiDiscreteActions, scaling: str
) -> str:
    if isinstance(space, DiscreteActions):
        return graph.add("ArgMax", raw, axis=1, keepdims=0)
    if isinstance(space, MultiDiscreteActions):
        ends = np.cumsum(space.counts).tolist()
        parts = [
            graph.add("ArgMax", graph.columns(raw, end - count, end), axis=1, keepdims=1)
            for end, count in zip(ends, space.counts, strict=True)
        ]
        return graph.add("Concat", *parts, axis=1)
    if scaling == "tanh":
        squashed = graph.add("Tanh", raw)
    else:
        squashed = graph.add("Clip", raw, graph.constant(np.float32(-1)), graph.constant(np.float32(1)))
    bounds = list(zip(space.low, space.high, strict=True))
    bounded = np.array([low is not None and high is not None for low, high in bounds])
    if not bounded.all():
        squashed = graph.add("Where", graph.constant(bounded), squashed, raw)
    half = [1.0 if low is None or high is None else (high - low) / 2 for low, high in bounds]
    centre = [0.0 if low is None or high is None else (high + low) / 2 for low, high in bounds]
    scaled = graph.add("Mul", squashed, graph.constant(np.array(half, np.float32)))
    return graph.add("Add", scaled, graph.constant(np.array(centre, np.float32)))


def _width(space: ContinuousActions | MultiDiscreteActions | DiscreteActions) -> int:
    if isinstance(space, ContinuousActions):
        return len(space.low)
    return len(space.counts) if isinstance(space, MultiDiscreteActions) else 1

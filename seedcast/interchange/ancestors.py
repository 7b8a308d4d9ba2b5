"""Reads models of the two programs that Seedcast descends from, as models of ours.

es_on_gke (the 2019 sample, "Run Evolution Strategies on Google Kubernetes Engine"): an ``.npz`` whose array
``params`` holds, for each layer in turn, the weights ``(outputs, inputs)`` in C order, then the bias. estool (Ha,
2017, https://github.com/hardmaru/estool): a ``.json``, a list whose first element is the vector; it holds, for
each layer, the weights ``(inputs, outputs)`` in C order, then the bias, then, for a layer declared noisy, the
logarithms of its noise's deviation, which tests do not use. Both squash hidden layers and outputs by tanh.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model, ModelMetadata
from seedcast.shared.policies.mlp import MLPSpec
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec

Vector = NDArray[np.float64]
Kind = Literal["es_on_gke", "estool"]


def read_vector(path: Path, kind: Kind) -> Vector:
    """Return the flat parameters in a file, in its program's own order.

    Raises:
        InvalidInput: it is missing, or no such file.
    """
    try:
        if kind == "es_on_gke":
            with np.load(path, allow_pickle=False) as arrays:
                values = np.asarray(arrays["params"], np.float64).ravel()
        else:
            values = np.asarray(json.loads(path.read_text())[0], np.float64).ravel()
    except FileNotFoundError:
        raise InvalidInput.of("model", "there is no such file", path.name) from None
    except Exception as error:  # zipfile, json and numpy raise what they stumble over
        raise InvalidInput.of("model", f"is no file of {kind} ({type(error).__name__})", path.name) from error
    if not np.isfinite(values).all():
        raise InvalidInput.of("model", "has parameters that are not finite", path.name)
    return values


def to_model(
    values: Vector,
    kind: Kind,
    environment: EnvironmentSpec,
    description: EnvironmentDescription,
    hidden: Sequence[int],
    noisy: Collection[int] = (),
) -> Model:
    """Return the model that ``values (parameters,)`` are; ``noisy`` are estool's noisy layers, counted from 0.

    Raises:
        InvalidInput: the vector does not have the length of such layers.
    """
    policy = MLPSpec(name="mlp", hidden=list(hidden), activation="tanh")
    metadata = ModelMetadata(environment=environment, description=description, policy=policy, experiment=kind)
    outputs = Model(parameters=np.zeros(0, np.float32), normaliser=None, metadata=metadata).policy().head.outputs
    sizes = [description.observation_size, *hidden, outputs]
    shapes = list(pairwise(sizes))
    wanted = sum(
        inputs * width + width * (2 if layer in noisy else 1) for layer, (inputs, width) in enumerate(shapes)
    )
    if len(values) != wanted:
        reason = f"has {len(values)} parameters; layers {'-'.join(map(str, sizes))} have {wanted}"
        raise InvalidInput.of("--layers", reason)
    parameters: list[Vector] = []
    start = 0
    for layer, (inputs, width) in enumerate(shapes):
        weights = values[start : start + inputs * width]
        if kind == "es_on_gke":
            weights = weights.reshape(width, inputs).T.ravel()
        start += inputs * width
        parameters += [weights, values[start : start + width]]
        start += width * (2 if layer in noisy else 1)
    return Model(parameters=np.concatenate(parameters).astype(np.float32), normaliser=None, metadata=metadata)

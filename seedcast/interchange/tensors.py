"""A model as a safetensors file: an array for each block of the policy, and the metadata as a text.

Arrays: as `Policy.layout` names them (``weights_0``, ``bias_0``, …), and ``normaliser_mean`` and
``normaliser_std`` where observations are normalised. The header's ``seedcast`` is the JSON of our own files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model, ModelMetadata
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.spec.policy import build_policy
from seedcast.shared.whole_file import whole_file

METADATA = "seedcast"


def named_arrays(model: Model) -> dict[str, NDArray[np.float32]]:
    """Return every array of a model by its name, blocks in their shapes."""
    arrays = {block.name: np.ascontiguousarray(block.view(model.parameters)) for block in model.policy().layout}
    if model.normaliser is not None:
        arrays |= {"normaliser_mean": model.normaliser.mean, "normaliser_std": model.normaliser.std}
    return arrays


def write_safetensors(model: Model, path: Path) -> None:
    """Write a model as a safetensors file.

    Raises:
        OSError: it cannot be written there.
    """
    content = save(named_arrays(model), metadata={METADATA: model.metadata.model_dump_json()})
    with whole_file(path) as file:
        file.write(content)


def read_safetensors(path: Path) -> Model:
    """Read what `write_safetensors` wrote.

    Raises:
        InvalidInput: it is missing, is no such file, or its arrays do not fit its own policy.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = ModelMetadata.model_validate_json((file.metadata() or {})[METADATA])
            arrays: dict[str, NDArray[Any]] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise InvalidInput.of("model", "there is no such file", path.name) from None
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        reason = f"is not a model of Seedcast's in safetensors ({type(error).__name__})"
        raise InvalidInput.of("model", reason, path.name) from error
    layout = build_policy(metadata.rollouts.policy, metadata.spaces).layout
    wrong = [block.name for block in layout if arrays.get(block.name, np.zeros(0)).shape != block.shape]
    if wrong:
        raise InvalidInput.of(
            "model", f"lacks arrays of its policy, or has them in other shapes: {', '.join(wrong)}"
        )
    parameters = np.concatenate([arrays[block.name].ravel() for block in layout]).astype(np.float32)
    normaliser = None
    if "normaliser_mean" in arrays:
        normaliser = Normaliser(arrays["normaliser_mean"], arrays["normaliser_std"])
    return Model(parameters=parameters, normaliser=normaliser, metadata=metadata)

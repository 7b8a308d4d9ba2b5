"""The binary frame: a JSON header and named little-endian arrays in one safetensors container.

safetensors (https://github.com/huggingface/safetensors) is checked on reading and can hold nothing executable.
The header travels as the container's metadata under one key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from shared.errors import InvalidInput

_HEADER = "header"
_PREFIX = 8
"""A safetensors file starts with the length of its own JSON header as a little-endian 64-bit integer."""


def encode_frame(header: str, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack a JSON text and arrays into one frame."""
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return safetensors.save(contiguous, metadata={_HEADER: header})


def decode_frame(frame: bytes) -> tuple[str, dict[str, NDArray[Any]]]:
    """Unpack a frame into its JSON text and its arrays.

    Raises:
        InvalidInput: the bytes are no frame.
    """
    try:
        arrays = safetensors.load(frame)
        length = int.from_bytes(frame[:_PREFIX], "little")
        header = json.loads(frame[_PREFIX : _PREFIX + length])["__metadata__"][_HEADER]
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput.of("body", f"is not a Seedcast frame ({error})") from error
    return str(header), arrays

"""The binary frame: a JSON header and named little-endian arrays in one safetensors container, with a checksum.

safetensors (https://github.com/huggingface/safetensors) is checked on reading and can hold nothing executable.
The header travels as the container's metadata under one key, the checksum under another. TCP's own checksum of 16
bits lets one damaged segment in 65,536 pass (Stone and Partridge, "When the CRC and TCP checksum disagree", 2000,
https://doi.org/10.1145/347059.347561), and a flipped bit of a float looks like any other float.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, TensorSpec, serialize
from safetensors import numpy as safetensors

from seedcast.shared.errors import InvalidInput

_HEADER = "header"
_CHECKSUM = "crc32"
_PREFIX = 8
"""A safetensors file starts with the length of its own JSON header as a little-endian 64-bit integer."""


def encode_frame(header: str, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack a JSON text and arrays into one frame."""
    contiguous = {name: np.asarray(one, _little_endian(one.dtype), order="C") for name, one in arrays.items()}
    metadata = {_HEADER: header, _CHECKSUM: _checksum(header, contiguous)}
    specs = {
        name: TensorSpec(
            dtype=_name(array.dtype), shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes
        )
        for name, array in contiguous.items()
    }
    return bytes(serialize(specs, metadata))  # `safetensors.numpy.save` asks numpy for each name: half its time


def decode_frame(frame: bytes, *, check: bool = True) -> tuple[str, dict[str, NDArray[Any]]]:
    """Unpack a frame into its JSON text and its arrays.

    ``check`` is off only where the bytes have been checked as a whole before.

    Raises:
        InvalidInput: the bytes are no frame, or not those of the frame that was encoded; the field is "body".
    """
    try:
        arrays = safetensors.load(frame)
        length = int.from_bytes(frame[:_PREFIX], "little")
        metadata = json.loads(frame[_PREFIX : _PREFIX + length])["__metadata__"]
        header = str(metadata[_HEADER])
        intact = not check or metadata[_CHECKSUM] == _checksum(header, arrays)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput.of("body", f"is not a Seedcast frame ({error})") from error
    if not intact:
        raise InvalidInput.of("body", "is a Seedcast frame that was damaged on its way: its checksum differs")
    return header, arrays


@lru_cache
def _little_endian(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("<")


@lru_cache
def _name(dtype: np.dtype[Any]) -> str:
    return dtype.name


def _checksum(header: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the CRC-32 of all that a reader gets to see: header, names, types, shapes and values."""
    code = zlib.crc32(header.encode())
    for name in sorted(arrays):
        array = arrays[name]
        code = zlib.crc32(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode(), code)
        code = zlib.crc32(array.reshape(-1).view(np.uint8).data, code)
    return f"{code:08x}"

"""Reads named arrays out of a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.errors import InvalidInput


def checked_array(arrays: dict[str, NDArray[Any]], name: str, dtype: type[np.generic]) -> NDArray[Any]:
    """Return one array of a frame.

    Raises:
        InvalidInput: it is missing or of another type.
    """
    try:
        array = arrays[name]
    except KeyError:
        raise InvalidInput.of(name, "is missing") from None
    if array.dtype != dtype:
        raise InvalidInput.of(name, f"must be {np.dtype(dtype).name}, is {array.dtype.name}")
    return array

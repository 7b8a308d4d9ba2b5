"""The binary frame: exact, and never a surprise however damaged."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save

from seedcast.shared.errors import InvalidInput
from seedcast.shared.frame import decode_frame, encode_frame

ARRAYS: dict[str, NDArray[Any]] = {
    "parameters": np.arange(6, dtype=np.float32).reshape(2, 3),
    "rows": np.array([0, 1, 1], np.int32),
    "empty": np.zeros((0, 4)),
}
FRAME = encode_frame('{"protocol": 1}', ARRAYS)


def test_header_and_arrays_come_back_to_the_bit() -> None:
    header, arrays = decode_frame(FRAME)
    assert header == '{"protocol": 1}'
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_nan_and_infinity_survive() -> None:
    odd = np.array([np.nan, np.inf, -np.inf, -0.0])
    back = decode_frame(encode_frame("", {"odd": odd}))[1]["odd"]
    assert back.tobytes() == odd.tobytes()


def test_a_strided_view_is_encoded_by_value() -> None:
    column = np.arange(6, dtype=np.float32).reshape(2, 3)[:, 1]
    np.testing.assert_array_equal(decode_frame(encode_frame("", {"x": column}))[1]["x"], [1, 4])


def test_an_array_of_the_other_byte_order_is_encoded_by_value() -> None:
    numbers = np.arange(6, dtype=">f4").reshape(2, 3)
    back = decode_frame(encode_frame("", {"x": numbers}))[1]["x"]
    assert back.dtype == np.dtype("<f4")
    np.testing.assert_array_equal(back, numbers)


@given(length=st.integers(0, len(FRAME) - 1))
def test_a_frame_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(InvalidInput, match="is not a Seedcast frame"):
        decode_frame(FRAME[:length])


@given(index=st.integers(0, len(FRAME) - 1), value=st.integers(0, 255))
@settings(max_examples=400)
def test_a_changed_byte_is_refused_or_changes_nothing(index: int, value: int) -> None:
    damaged = bytearray(FRAME)
    damaged[index] = value
    with suppress(InvalidInput):
        header, arrays = decode_frame(bytes(damaged))
        assert header == '{"protocol": 1}'
        assert {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()} == {
            name: (array.dtype, array.shape, array.tobytes()) for name, array in ARRAYS.items()
        }


def test_a_flipped_bit_of_a_number_is_told_from_another_number() -> None:
    damaged = FRAME[:-1] + bytes([FRAME[-1] ^ 1])
    with pytest.raises(InvalidInput, match="checksum differs"):
        decode_frame(damaged)
    assert decode_frame(damaged, check=False)[0] == '{"protocol": 1}'


@given(junk=st.binary(max_size=64))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_frame(junk)


def test_a_safetensors_file_of_other_origin_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not a Seedcast frame"):
        decode_frame(save({"weights": np.zeros(3)}))

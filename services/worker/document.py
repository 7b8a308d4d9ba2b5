"""Writes the published contract of workers: `python -m seedcast.services.worker.document docs`.

`worker-openapi.json` has paths and models, `worker-vectors.json` frames byte by byte, and noise by its keys.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.app import create_app
from seedcast.services.worker.metrics import Metrics
from seedcast.services.worker.schemas import SPHERE
from seedcast.services.worker.settings import Settings
from seedcast.services.worker.slots.pool import SlotPool
from seedcast.shared.frame import decode_frame
from seedcast.shared.perturbations import GaussianMembers, NoiseKey
from seedcast.shared.protocol import Unit, UnitJson, UnitResult
from seedcast.shared.protocol.members import header_fields
from seedcast.shared.seeding import Purpose, generator

DOCUMENT, VECTORS = "worker-openapi.json", "worker-vectors.json"
KEYS = ((0, 1, 0), (7, 3, 5), (2**64 - 1, 2**32, 2**31 - 1))
"""(seed, generation, draw)"""


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    metrics = Metrics()
    return create_app(Settings(slots=1), SlotPool(1, 1, None, metrics.count), metrics).openapi()


def vectors() -> dict[str, Any]:
    """Return examples of what the protocol says of bytes."""
    rows = UnitJson.model_validate(SPHERE).unit()
    members = GaussianMembers(
        mean=np.array([0.5, -1.0], np.float32),
        sigma=np.array([0.25], np.float32),
        key=NoiseKey(seed=7, generation=3, mirrored=True),
        numbers=np.array([0, 1, 10], np.int32),
    )
    header = rows.header.model_copy(update=header_fields(members))
    keys = Unit(header, members, np.array([0, 1, 2], np.int32), np.array([0, 0, 0], np.int32))
    values = np.array([8.25, np.nan])
    failed = UnitResult.failed(1, "invalid", "the value is nan").failures[0]
    failures = [failed.model_copy(update={"rollouts": [1]})]
    result = UnitResult(values, -values, np.array([1, 0], np.int32), failures=failures, busy_seconds=0.5)
    return {
        "frames": {
            "a unit with rows": _frame(rows.to_frame()),
            "a unit with keys": _frame(keys.to_frame()),
            "a result": _frame(result.to_frame()),
        },
        "members": {"of": "the unit with keys", "rows": np.asarray(members).tolist()},
        "noise": [_noise(*key) for key in KEYS],
    }


def _frame(frame: bytes) -> dict[str, Any]:
    frame = _in_order(frame)
    text, arrays = decode_frame(frame)
    length = int.from_bytes(frame[:8], "little")
    crc32 = json.loads(frame[8 : 8 + length])["__metadata__"]["crc32"]
    told = {
        name: {"dtype": array.dtype.str, "shape": list(array.shape), "values": _numbers(array)}
        for name, array in sorted(arrays.items())
    }
    return {"hex": frame.hex(), "header": json.loads(text), "crc32": crc32, "arrays": told}


def _in_order(frame: bytes) -> bytes:
    """Return a frame with the keys of its JSON in order: safetensors writes those of the metadata as they come."""
    end = 8 + int.from_bytes(frame[:8], "little")
    text = json.dumps(json.loads(frame[8:end]), separators=(",", ":"), sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + frame[end:]


def _numbers(array: NDArray[Any]) -> list[Any]:
    return [None if np.isnan(one) else one.item() for one in array.reshape(-1)]


def _noise(seed: int, generation: int, draw: int) -> dict[str, Any]:
    of = generator(seed, Purpose.NOISE, generation, draw)
    key = of.bit_generator.state["state"]["key"]
    return {
        "seed": str(seed),
        "generation": str(generation),
        "draw": draw,
        "philox_key": [f"{word:016x}" for word in key.tolist()],
        "first_words": [f"{word:016x}" for word in np.random.Philox(key=key).random_raw(4).tolist()],
        "float32_hex": of.standard_normal(8, np.float32).astype("<f4").tobytes().hex(),
    }


def files() -> dict[str, str]:
    """Return the contents of the files, by name."""
    return {
        name: json.dumps(content, indent=2, ensure_ascii=False, sort_keys=name == DOCUMENT) + "\n"
        for name, content in ((DOCUMENT, document()), (VECTORS, vectors()))
    }


if __name__ == "__main__":
    for file_name, text in files().items():
        Path(sys.argv[1], file_name).write_text(text)

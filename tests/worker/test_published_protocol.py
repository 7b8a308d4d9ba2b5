"""docs/worker-protocol.md and the files beside it are what the code does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from seedcast.services.worker.document import VECTORS, files
from seedcast.shared.frame import decode_frame
from seedcast.shared.protocol import PROTOCOL_VERSION, Unit, UnitResult
from tests.processes import ROOT

DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", files())
def test_the_published_files_are_those_that_make_docs_writes(name: str) -> None:
    assert json.loads((DOCS / name).read_text()) == json.loads(files()[name])


def published() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DOCS / VECTORS).read_text())
    return content


@pytest.mark.parametrize("name", published()["frames"])
def test_a_published_frame_is_read_as_published(name: str) -> None:
    told = published()["frames"][name]
    text, arrays = decode_frame(bytes.fromhex(told["hex"]))
    assert json.loads(text) == told["header"]
    for array, expected in told["arrays"].items():
        assert arrays[array].dtype.str == expected["dtype"]
        values = np.array([np.nan if one is None else one for one in expected["values"]], expected["dtype"])
        np.testing.assert_array_equal(arrays[array], values.reshape(expected["shape"]))


def test_published_members_are_what_a_worker_makes_of_the_keys() -> None:
    content = published()
    unit = Unit.from_frame(bytes.fromhex(content["frames"]["a unit with keys"]["hex"]))
    np.testing.assert_array_equal(np.asarray(unit.parameters), content["members"]["rows"])
    np.testing.assert_array_equal(unit.written_out().parameters, content["members"]["rows"])
    result = UnitResult.from_frame(bytes.fromhex(content["frames"]["a result"]["hex"]), 2)
    assert result.failures[0].kind == "invalid"


def test_published_noise_is_philox_by_its_key() -> None:
    for told in published()["noise"]:
        key = [int(word, 16) for word in told["philox_key"]]
        words = np.random.Philox(key=np.array(key, np.uint64)).random_raw(4)
        assert [f"{word:016x}" for word in words.tolist()] == told["first_words"]
        z = np.random.Generator(np.random.Philox(key=np.array(key, np.uint64))).standard_normal(8, np.float32)
        assert z.astype("<f4").tobytes().hex() == told["float32_hex"]


def test_the_page_names_the_version_and_every_path_of_the_contract() -> None:
    page = (DOCS / "worker-protocol.md").read_text()
    assert f"Version {PROTOCOL_VERSION}." in page
    paths = json.loads(files()["worker-openapi.json"])["paths"]
    for path in set(paths) - {"/metrics"}:
        assert f"{path}`" in page, path

"""A model file holds everything needed to act, and is checked when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model, ModelMetadata
from seedcast.shared.observation_stats import Normaliser

METADATA = ModelMetadata.model_validate(
    {
        "environment": {"id": "Pendulum-v1"},
        "description": {
            "observation_size": 3,
            "actions": {"kind": "continuous", "low": [-2.0], "high": [2.0]},
            "max_episode_steps": 200,
            "engine": "envpool",
        },
        "policy": {"name": "linear"},
        "generation": 12,
        "test_return": -150.5,
    }
)
MODEL = Model(
    parameters=np.linspace(0, 1, 4, dtype=np.float32),
    normaliser=Normaliser(np.zeros(3, np.float32), np.full(3, 0.1, np.float32)),
    metadata=METADATA,
)


def saved(model: Model, folder: Path) -> Path:
    path = folder / "model.npz"
    path.write_bytes(model.to_bytes())
    return path


def test_a_model_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    model = Model.load(saved(MODEL, tmp_path))
    np.testing.assert_array_equal(model.parameters, MODEL.parameters)
    assert model.metadata == METADATA
    assert model.normaliser is not None
    assert MODEL.normaliser is not None
    np.testing.assert_array_equal(model.normaliser.std, MODEL.normaliser.std)
    assert model.policy().dimension == 4


def test_a_model_without_normaliser_has_none_when_it_comes_back(tmp_path: Path) -> None:
    assert Model.load(saved(MODEL.model_copy(update={"normaliser": None}), tmp_path)).normaliser is None


def test_the_same_model_is_the_same_bytes() -> None:
    assert MODEL.to_bytes() == MODEL.to_bytes()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"there is no such file .*nothing\.npz"):
        Model.load(tmp_path / "nothing.npz")


@pytest.mark.parametrize("content", [b"", b"junk", MODEL.to_bytes()[:-40]], ids=["empty", "junk", "cut off"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="is not a model file"):
        Model.load(path)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, parameters=np.array([{"a": 1}], object), metadata=np.array(METADATA.model_dump_json()))
    with pytest.raises(InvalidInput, match="is not a model file"):
        Model.load(path)


def test_parameters_that_do_not_fit_the_policy_are_refused_with_both_shapes(tmp_path: Path) -> None:
    short = MODEL.model_copy(update={"parameters": np.zeros(3, np.float32)})
    with pytest.raises(InvalidInput, match=r"shape \(3,\), its policy needs \(4,\)"):
        Model.load(saved(short, tmp_path))


@pytest.mark.parametrize(
    "array",
    [np.zeros(4), np.array(METADATA.model_dump_json()), np.array([{"a": 1}], object)],
    ids=["numbers", "text", "pickled objects"],
)
def test_a_single_array_is_no_model(tmp_path: Path, array: NDArray[Any]) -> None:
    path = tmp_path / "model.npy"
    np.save(path, array)
    with pytest.raises(InvalidInput, match="is not a model file"):
        Model.load(path)


@pytest.mark.parametrize("name", ["parameters", "normaliser_mean", "normaliser_std"])
@pytest.mark.parametrize(
    "array",
    [np.zeros(4, [("a", "f4"), ("b", "f4")]), np.array(["a"] * 4), np.zeros(4, "M8[s]"), np.zeros((2, 2))],
    ids=["records", "words", "dates", "matrix"],
)
def test_an_array_of_another_kind_is_refused(tmp_path: Path, name: str, array: NDArray[Any]) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "parameters": MODEL.parameters,
        "metadata": np.array(METADATA.model_dump_json()),
        "normaliser_mean": np.zeros(3, np.float32),
        "normaliser_std": np.ones(3, np.float32),
    }
    path = tmp_path / "model.npz"
    np.savez(path, allow_pickle=False, **(arrays | {name: array}))
    with pytest.raises(InvalidInput, match=r"is not a model file|shape"):
        Model.load(path)

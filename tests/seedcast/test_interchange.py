"""Models in other forms act as ours do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from seedcast import Model
from seedcast.interchange.huggingface import write_folder
from seedcast.interchange.onnx_file import write_onnx
from seedcast.interchange.tensors import read_safetensors, write_safetensors
from seedcast.shared.errors import InvalidInput
from tests.cli.test_specs import seedcast
from tests.seedcast.models import BOX, POLICIES, SPACES, random_model

OBSERVATIONS = (np.random.default_rng(9).standard_normal((30, 4)) * 2).astype(np.float32)


@pytest.mark.parametrize("normalised", [True, False], ids=["normalised", "plain"])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_an_onnx_graph_acts_as_the_model_does(
    tmp_path: Path, policy: dict[str, Any], space: str, normalised: bool
) -> None:
    stored = random_model(policy, SPACES[space], normalised)
    model = Model(stored)
    write_onnx(stored, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    recurrent = len(session.get_inputs()) == 2
    state = np.zeros((1, session.get_inputs()[-1].shape[1]), np.float32)
    for observation in OBSERVATIONS:
        fed = {"observation": observation[None, :]} | ({"state": state} if recurrent else {})
        action, *rest = session.run(None, fed)
        state = rest[0] if recurrent else state
        np.testing.assert_allclose(action[0], model.act(observation), atol=1e-5, rtol=1e-5)


def test_an_onnx_graph_has_the_gain_of_the_outputs(tmp_path: Path) -> None:
    stored = random_model({"name": "mlp", "hidden": [8], "output_gain": 0.2})
    write_onnx(stored, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (actions,) = session.run(None, {"observation": OBSERVATIONS})
    model = Model(stored)
    np.testing.assert_allclose(actions, [model.act(one) for one in OBSERVATIONS], atol=1e-5, rtol=1e-5)


def test_an_onnx_graph_takes_many_observations_at_once(tmp_path: Path) -> None:
    stored = random_model({"name": "mlp", "hidden": [8], "actions": "clip"})
    write_onnx(stored, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (actions,) = session.run(None, {"observation": OBSERVATIONS})
    model = Model(stored)
    np.testing.assert_allclose(actions, [model.act(one) for one in OBSERVATIONS], atol=1e-5, rtol=1e-5)
    assert np.all(actions[:, :2] <= np.array(BOX.high[:2], np.float64) + 1e-6)


def test_where_nothing_can_be_written_the_file_asked_for_is_named_in_one_line(tmp_path: Path) -> None:
    model, nowhere = tmp_path / "model.npz", tmp_path / "nowhere"
    model.write_bytes(random_model({"name": "linear"}).to_bytes())
    for option, name in (("--safetensors", "m.safetensors"), ("--onnx", "m.onnx")):
        done = seedcast("export", str(model), option, str(nowhere / name))
        assert done.returncode == 2
        assert done.stderr == f"seedcast: {nowhere / name}: No such file or directory\n"


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_safetensors_file_holds_the_very_same_model(tmp_path: Path, policy: dict[str, Any]) -> None:
    stored = random_model(policy)
    path = tmp_path / "model.safetensors"
    write_safetensors(stored, path)
    again = Model.load(path)
    assert again.parameters.tobytes() == stored.parameters.tobytes()
    assert again.metadata == stored.metadata
    assert again.act(OBSERVATIONS[0]).tobytes() == Model(stored).act(OBSERVATIONS[0]).tobytes()
    assert set(load_file(path)) >= {block.name for block in stored.policy().layout}


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_what_is_no_safetensors_file_of_ours_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput):
        read_safetensors(path)


def test_a_safetensors_file_with_other_arrays_is_refused(tmp_path: Path) -> None:
    stored = random_model({"name": "linear"})
    path = tmp_path / "model.safetensors"
    metadata = {"seedcast": stored.metadata.model_dump_json()}
    save_file({"weights_0": np.zeros((2, 2), np.float32)}, path, metadata)
    with pytest.raises(InvalidInput, match="weights_0, bias_0"):
        read_safetensors(path)
    save_file({"weights_0": np.zeros((2, 2), np.float32)}, path)
    with pytest.raises(InvalidInput, match="is not a model"):
        read_safetensors(path)


def test_a_hugging_face_folder_has_a_card_with_the_result_and_models_that_load(tmp_path: Path) -> None:
    stored = random_model({"name": "linear"})
    write_folder(stored, tmp_path / "hub", [1.0, 3.0])
    card = (tmp_path / "hub" / "README.md").read_text()
    header = yaml.safe_load(card.split("---")[1])
    (entry,) = header["model-index"]
    (result,) = entry["results"]
    assert result["metrics"][0]["value"] == "2.00 +/- 1.00"
    assert result["dataset"]["type"] == "MadeUp-v0"
    assert {"reinforcement-learning", "seedcast", "MadeUp-v0"} <= set(header["tags"])
    results = json.loads((tmp_path / "hub" / "results.json").read_text())
    assert (results["mean_reward"], results["std_reward"], results["n_eval_episodes"]) == (2.0, 1.0, 2)
    assert json.loads((tmp_path / "hub" / "hyperparameters.json").read_text())["policy"]["name"] == "linear"
    for name in ("model.npz", "model.safetensors"):
        assert Model.load(tmp_path / "hub" / name).parameters.tobytes() == stored.parameters.tobytes()

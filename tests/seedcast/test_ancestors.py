"""Files of es_on_gke and estool, by their layouts, act as those programs would have them act."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seedcast import Model
from seedcast.interchange.ancestors import Kind, read_vector, to_model
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import ContinuousActions, EnvironmentDescription, EnvironmentSpec
from tests.cli.test_specs import seedcast

SIZES = (24, 7, 5, 4)
WALKER = EnvironmentSpec(id="BipedalWalker-v3")
DESCRIPTION = EnvironmentDescription(
    observation_size=24,
    actions=ContinuousActions(low=[-1, -1, -2, 0], high=[1, 1, 2, 1]),
    max_episode_steps=100,
    engine="auto",
)
Layers = list[tuple[NDArray[Any], NDArray[Any]]]


def layers() -> Layers:
    """Return weights ``(inputs, outputs)`` and bias of each layer."""
    draws = np.random.default_rng(3)
    return [
        (draws.standard_normal((rows, columns)), draws.standard_normal(columns))
        for rows, columns in pairwise(SIZES)
    ]


def write_es_on_gke(path: Path) -> None:
    parts = [part for weights, bias in layers() for part in (weights.T.ravel(), bias)]
    np.savez(path, params=np.concatenate(parts))


def write_estool(path: Path, noisy: tuple[int, ...] = ()) -> None:
    values: list[float] = []
    for index, (weights, bias) in enumerate(layers()):
        values += [*weights.ravel().tolist(), *bias.tolist()]
        values += [9.0] * len(bias) if index in noisy else []
    path.write_text(json.dumps([values, -12.5]))


def expected(observation: NDArray[Any]) -> NDArray[Any]:
    """Act as both programs do: tanh everywhere, the last one scaled into the bounds."""
    values: NDArray[Any] = observation
    for weights, bias in layers():
        values = np.tanh(values @ weights + bias)
    scaled: NDArray[Any] = values * np.array([1, 1, 2, 0.5]) + np.array([0, 0, 0, 0.5])
    return scaled


@pytest.mark.parametrize("noisy", [(), (2,), (0, 2)])
@pytest.mark.parametrize("kind", ["es_on_gke", "estool"])
def test_a_file_acts_as_its_own_program_would(tmp_path: Path, kind: Kind, noisy: tuple[int, ...]) -> None:
    if kind == "es_on_gke":
        path, noisy = tmp_path / "model.npz", ()
        write_es_on_gke(path)
    else:
        path = tmp_path / "model.json"
        write_estool(path, noisy)
    model = Model(to_model(read_vector(path, kind), kind, WALKER, DESCRIPTION, SIZES[1:-1], noisy))
    for observation in np.random.default_rng(4).standard_normal((10, 24)):
        np.testing.assert_allclose(model.act(observation), expected(observation), atol=1e-5)


def test_other_layers_than_the_files_are_refused_with_both_lengths(tmp_path: Path) -> None:
    write_estool(tmp_path / "model.json", noisy=(2,))
    values = read_vector(tmp_path / "model.json", "estool")
    with pytest.raises(InvalidInput, match=r"has 243 parameters; layers 24-7-5-4 have 239"):
        to_model(values, "estool", WALKER, DESCRIPTION, SIZES[1:-1])


@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [
        ("a.npz", "es_on_gke", b"nonsense"),
        ("a.npz", "es_on_gke", None),
        ("a.json", "estool", b"{"),
        ("a.json", "estool", b"[]"),
        ("a.json", "estool", b'[["x"]]'),
        ("a.json", "estool", b"[[NaN]]"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str, kind: Kind, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput):
        read_vector(tmp_path / name, kind)


def test_pickles_in_a_file_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", params=np.array([object()], dtype=object))
    with pytest.raises(InvalidInput):
        read_vector(tmp_path / "model.npz", "es_on_gke")


@pytest.mark.parametrize(("name", "options"), [("m.npz", []), ("m.json", ["--noisy", "2"])])
def test_an_imported_file_is_evaluated_filmed_and_exported(tmp_path: Path, name: str, options: list[str]) -> None:
    source, model = tmp_path / name, str(tmp_path / "model.npz.ours.npz")
    write_es_on_gke(source) if name.endswith("npz") else write_estool(source, (2,))
    common = ["--environment", "BipedalWalker-v3", "--layers", "7,5", "--max-episode-steps", "40"]
    imported = seedcast("import", str(source), model, *common, *options)
    assert imported.returncode == 0, imported.stderr
    evaluated = seedcast("evaluate", model, "--episodes", "3", "--json")
    assert len(json.loads(evaluated.stdout)["returns"]) == 3
    film = tmp_path / "film.mp4"
    assert seedcast("video", model, str(film)).returncode == 0
    assert film.stat().st_size > 1000
    exported = seedcast("export", model, "--huggingface", str(tmp_path / "hub"), "--episodes", "2")
    assert exported.returncode == 0, exported.stderr
    assert {path.name for path in (tmp_path / "hub").iterdir()} == {
        "README.md",
        "hyperparameters.json",
        "model.npz",
        "model.safetensors",
        "replay.mp4",
        "results.json",
    }

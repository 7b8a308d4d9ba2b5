"""Every model in results/ plays as its page says, and the pages are those of the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.results_page import page, table
from seedcast.cli.replay import returns_of
from seedcast.services.worker.slots.fingerprint import fingerprint
from seedcast.shared.model import Model
from seedcast.shared.spec.parse import parse_spec

RESULTS = Path(__file__).parents[2] / "results"
PUBLISHED = sorted(path.parent for path in RESULTS.glob("*/results.json"))
EPISODES = 4
"""Played again, of those that the score is the mean of."""

each_result = pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)


def figures(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return values


@each_result
def test_a_published_model_plays_as_its_page_says(folder: Path) -> None:
    published = figures(folder)
    returns = returns_of(Model.load(folder / "best_model.npz"), published["episode_seed"], EPISODES)
    said = np.array(published["model"]["returns"])
    if published["model"]["fingerprints"] == [fingerprint()]:
        assert returns.tolist() == said[:EPISODES].tolist()
    else:  # other bits, the same behaviour: within what its episodes spread, and a fall of luck
        assert said.min() - 3 * said.std() - 1e-6 <= returns.mean() <= said.max() + 3 * said.std() + 1e-6


@each_result
def test_a_published_specification_is_valid_and_its_page_is_of_its_figures(folder: Path) -> None:
    parse_spec((folder / "spec.yaml").read_text())
    assert (folder / "README.md").read_text() == page(figures(folder))
    assert (RESULTS / "README.md").read_text() == table(RESULTS)

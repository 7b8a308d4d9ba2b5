"""All combinations, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.manifests import Combination, Rendered, build, combinations


@pytest.fixture(scope="session")
def rendered_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the built manifests lie, one file a combination."""
    return tmp_path_factory.mktemp("rendered")


@pytest.fixture(scope="session")
def all_rendered(rendered_folder: Path) -> dict[Combination, Rendered]:
    """Every combination, built."""
    return {combination: build(combination, rendered_folder) for combination in combinations()}


@pytest.fixture(params=list(combinations()), ids=str)
def rendered(request: pytest.FixtureRequest, all_rendered: dict[Combination, Rendered]) -> Rendered:
    """Each combination in turn."""
    return all_rendered[request.param]

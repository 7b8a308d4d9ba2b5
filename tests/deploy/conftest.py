"""All combinations, built once: also where several processes share out the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.manifests import Combination, Rendered, built_once, combinations


@pytest.fixture(scope="session")
def rendered_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where the built manifests lie, one file a combination."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "rendered"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def all_rendered(rendered_folder: Path, worker_id: str) -> dict[Combination, Rendered]:
    """Every combination, built; a second process begins at the other end."""
    order = list(combinations())
    built = {one: built_once(one, rendered_folder) for one in (order[::-1] if worker_id == "gw1" else order)}
    return {one: built[one] for one in order}


@pytest.fixture(params=list(combinations()), ids=str)
def rendered(request: pytest.FixtureRequest, all_rendered: dict[Combination, Rendered]) -> Rendered:
    """Each combination in turn."""
    return all_rendered[request.param]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test that wants all combinations the time to build them on a machine that is busy."""
    for item in items:
        if "all_rendered" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(900))

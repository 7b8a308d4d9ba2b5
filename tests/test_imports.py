"""The direction of imports, which keeps the rooms apart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FILES = sorted(path for folder in ("cli", "seedcast", "services", "shared") for path in Path(folder).rglob("*.py"))

ABOVE = ["services.master.evolution", "services.master.experiments", "services.master.app"]
BESIDE_DISPATCH = ["services.master.strategies", "services.master.storage"]
BELOW_DISPATCH = ["services.master.scheduling", "services.master.fleet"]

FORBIDDEN = {
    "shared": ["services", "cli", "seedcast"],
    "seedcast": ["cli"],
    "services/worker": ["services.master", "cli", "seedcast"],
    "services/master": ["services.worker", "cli", "seedcast"],
    "services/master/strategies": ["services.master.dispatch", *BELOW_DISPATCH, "services.master.storage", *ABOVE],
    "services/master/storage": ["services.master.dispatch", *BELOW_DISPATCH, "services.master.strategies", *ABOVE],
    "services/master/dispatch": ["services.master.strategies", "services.master.storage", *ABOVE],
    "services/master/scheduling": ["services.master.dispatch", "services.master.fleet", *BESIDE_DISPATCH, *ABOVE],
    "services/master/fleet": ["services.master.dispatch", "services.master.scheduling", *BESIDE_DISPATCH, *ABOVE],
    "services/master/evolution": ["services.master.experiments", "services.master.app"],
}
"""Folder → what nothing in it may import, by prefix."""

SYNCHRONOUS = [
    "services/master/strategies",
    "services/master/evolution/state.py",
    "services/master/evolution/batches.py",
    "services/master/dispatch/batch.py",
    "services/master/dispatch/request_cost.py",
    "services/master/fleet/worker_state.py",
    "services/master/scheduling",
    "services/master/dashboard/comparison.py",
    "services/worker/engine",
    "services/worker/environments",
    "services/worker/objectives",
]


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_go_one_way(folder: str) -> None:
    files = [path for path in FILES if path.is_relative_to(folder)]
    assert files
    for path in files:
        for module in imports(path):
            for prefix in FORBIDDEN[folder]:
                assert not module.startswith(prefix), f"{path} imports {module}"


def test_only_the_worker_client_knows_httpx() -> None:
    users = {str(path) for path in FILES if "httpx" in imports(path) and path.is_relative_to("services/master")}
    assert users == {"services/master/fleet/worker_client.py"}


@pytest.mark.parametrize("place", SYNCHRONOUS)
def test_what_decides_or_computes_waits_for_nothing(place: str) -> None:
    files = [path for path in FILES if path.is_relative_to(place)]
    assert files
    for path in files:
        waiting = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.AsyncFunctionDef | ast.Await)
        ]
        assert not waiting, f"{path}:{waiting[0].lineno} waits"

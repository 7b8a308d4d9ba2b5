"""The direction of imports, which keeps the rooms apart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FILES = sorted(path for folder in ("cli", "seedcast", "services", "shared") for path in Path(folder).rglob("*.py"))

ABOVE = [
    "seedcast.services.master.evolution",
    "seedcast.services.master.experiments",
    "seedcast.services.master.app",
]
BESIDE_DISPATCH = ["seedcast.services.master.strategies", "seedcast.services.master.storage"]
BELOW_DISPATCH = ["seedcast.services.master.scheduling", "seedcast.services.master.fleet"]

PUBLIC = ["seedcast." + path.stem for path in Path("seedcast").iterdir() if not path.is_symlink()]
"""What users import; links are to the folders."""

FORBIDDEN = {
    "shared": ["seedcast.services", "seedcast.cli", *PUBLIC],
    "seedcast": ["seedcast.cli"],
    "services/worker": ["seedcast.services.master", "seedcast.cli", *PUBLIC],
    "services/master": ["seedcast.services.worker", "seedcast.cli", *PUBLIC],
    "services/master/strategies": [
        "seedcast.services.master.dispatch",
        *BELOW_DISPATCH,
        "seedcast.services.master.storage",
        *ABOVE,
    ],
    "services/master/storage": [
        "seedcast.services.master.dispatch",
        *BELOW_DISPATCH,
        "seedcast.services.master.strategies",
        *ABOVE,
    ],
    "services/master/dispatch": [
        "seedcast.services.master.strategies",
        "seedcast.services.master.storage",
        *ABOVE,
    ],
    "services/master/scheduling": [
        "seedcast.services.master.dispatch",
        "seedcast.services.master.fleet",
        *BESIDE_DISPATCH,
        *ABOVE,
    ],
    "services/master/fleet": [
        "seedcast.services.master.dispatch",
        "seedcast.services.master.scheduling",
        *BESIDE_DISPATCH,
        *ABOVE,
    ],
    "services/master/evolution": ["seedcast.services.master.experiments", "seedcast.services.master.app"],
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
                assert not f"{module}.".startswith(f"{prefix}."), f"{path} imports {module}"


def test_only_the_worker_client_and_its_transport_know_httpx() -> None:
    users = {str(path) for path in FILES if "httpx" in imports(path) and path.is_relative_to("services/master")}
    assert users == {"services/master/fleet/http_transport.py", "services/master/fleet/worker_client.py"}


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

"""The public package's surface."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import seedcast
from seedcast.client import mirror
from tests.processes import ROOT


def test_every_public_name_is_there_and_no_other() -> None:
    for name in seedcast.__all__:
        assert getattr(seedcast, name).__name__ == name
    with pytest.raises(AttributeError, match="Nonsense"):
        seedcast.Nonsense  # noqa: B018


def test_importing_the_package_imports_nothing_of_weight() -> None:
    code = "import seedcast, sys; print({'numpy', 'httpx', 'pydantic'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_client_that_waits_is_what_is_made_of_the_one_for_asyncio() -> None:
    assert mirror.TARGET.read_text() == mirror.mirrored(mirror.SOURCE.read_text()), "make client writes it anew"


def test_every_module_of_ours_is_imported_under_one_name() -> None:
    modules = "seedcast.services.master.app, seedcast.services.worker.app, seedcast.cli.main"
    code = f"import sys, {modules}; print({{'services', 'shared', 'cli'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"


def test_a_wheel_has_one_package_with_everything_in_it(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"seedcast"}
    files = [path for folder in ("cli", "services", "shared") for path in (ROOT / folder).rglob("*.py")]
    assert {f"seedcast/{path.relative_to(ROOT)}" for path in files} <= set(names)
    assert len(names) == len(set(names))

"""The programs that check images and manifests: from `make deploy-tools`, or on the PATH."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TOOLS = ROOT / ".tools" / "bin"
IN_CI = os.environ.get("CI") == "true"


def tool(name: str) -> str:
    """Return where a program is; without it the test is skipped, and fails in CI."""
    found = shutil.which(name, path=os.pathsep.join([str(TOOLS), os.environ.get("PATH", "")]))
    if found is not None:
        return found
    reason = f"{name} is not installed: make deploy-tools, or your system's packages"
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def run(name: str, *arguments: str | Path, **environment: str) -> str:
    """Run a program in the repository and return what it printed; fail with it if it fails."""
    done = subprocess.run(
        [tool(name), *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{name} {arguments}:\n{done.stdout[-8000:]}"
    return done.stdout


def checkov(framework: str, files: Sequence[Path]) -> tuple[set[str], int]:
    """Return the checks that fail, and how many pass."""
    named = [item for file in files for item in ("--file", file)]
    done = subprocess.run(
        [tool("checkov"), *map(str, named), "--framework", framework, "--output", "json", "--skip-download"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    failed = {str(check["check_id"]) for check in report["results"]["failed_checks"]}
    return failed, int(report["summary"]["passed"])

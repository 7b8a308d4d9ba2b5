"""docs/client.md is run as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, Server


@pytest.mark.slow
def test_the_notebook_of_the_documentation_runs_as_it_stands(
    cluster: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL)
    assert len(cells) == 5
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDCAST_URL", cluster.url)
    names: dict[str, Any] = {}
    for cell in cells:
        exec(compile(cell, "docs/client.md", "exec"), names)  # noqa: S102 - our own page
    assert names["curve"][-1][1] >= 475  # what counts as solved
    assert names["score"] > 300
    assert {row.id for row in names["best_first"]} >= {names["run"].id, names["branch"].id}
    assert (tmp_path / "cartpole.mp4").read_bytes()[4:8] == b"ftyp"
    assert cluster.http.get(f"/experiments/{names['branch'].id}").status_code == 404

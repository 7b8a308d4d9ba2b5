"""What a process imports before it is ready: what only some of its work needs comes when that is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOT = "from seedcast.services.worker.slots.answers import worker_info; worker_info()"


@pytest.mark.parametrize(
    ("start", "late"),
    [
        ("import seedcast.services.master.__main__", {"cma", "gymnasium", "matplotlib", "scipy"}),
        ("import seedcast.services.worker.__main__", {"envpool", "gymnasium", "matplotlib", "scipy"}),
        (SLOT, {"fastapi", "httpx", "imageio_ffmpeg", "matplotlib", "pybullet", "scipy", "sklearn"}),
        ("import seedcast.cli.main", {"fastapi", "gymnasium", "matplotlib", "onnx", "scipy", "uvicorn"}),
    ],
    ids=["master", "worker", "slot", "command"],
)
def test_a_start_imports_nothing_that_can_wait(start: str, late: set[str]) -> None:
    listed = f"{start}; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", listed], check=True, capture_output=True, text=True).stdout
    assert not late & set(loaded.split())

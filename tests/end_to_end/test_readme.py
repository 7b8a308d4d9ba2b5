"""The README's tour, run as it stands, line by line, in a network of its own so that its ports are free."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
WAIT_FOR_SERVERS = """
for port in 8000 8001; do
  for _ in $(seq 900); do curl -sf localhost:$port/readyz >/dev/null && break; sleep 0.2; done
done
"""
"""What a person does between starting servers and using them."""

LATER = "there after the first test"
"""Says of a line that it may have to be repeated."""

ISOLATED = ["unshare", "--net", "--map-root-user", "--pid", "--fork", "--kill-child"]


def can_isolate() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip") and shutil.which("curl")):
        return False
    command = [*ISOLATED, "ip", "link", "set", "lo", "up"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def blocks(heading: str) -> list[str]:
    """Return the shell blocks of a section."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@pytest.mark.skipif(not can_isolate(), reason="no network namespaces here")
def test_the_tour_works_as_it_is_written(tmp_path: Path) -> None:
    for name in (".venv", "cli", "configs", "seedcast", "services", "shared"):
        (tmp_path / name).symlink_to(ROOT / name)
    tour = [line for block in blocks("A tour with curl") for line in block.splitlines()]
    replay = blocks("Replay a model")[0].splitlines()
    assert sum("curl" in line for line in tour) >= 6
    assert any("--video" in line for line in replay)
    script = ["set -eo pipefail", "ip link set lo up"]
    for line in [*tour, *replay]:
        script.append(
            f"for _ in $(seq 900); do {line.partition('#')[0]} && break; sleep 0.2; done"
            if LATER in line
            else line
        )
        if line.endswith("&"):
            continue
        if script[-2].endswith("&"):
            script.insert(-1, WAIT_FOR_SERVERS)
    done = subprocess.run(
        [*ISOLATED, "bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":"pending"' in done.stdout.replace(" ", "")  # what submitting answered
    assert "urn:seedcast:problem:invalid-input" in done.stdout
    assert "population_size" in done.stdout
    assert re.search(r"^mean \d+\.\d+", done.stdout, re.MULTILINE)
    assert (tmp_path / "best_model.npz").stat().st_size
    assert (tmp_path / "cartpole.mp4").stat().st_size

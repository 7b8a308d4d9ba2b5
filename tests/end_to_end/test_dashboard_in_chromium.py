"""The dashboard in a real browser that can reach no other host."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import Server, master, submit, wait_for_end
from tests.specs import cartpole_values

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REQUIRED = os.environ.get("CI") == "true"
"""CI installs a browser, so that there the tests cannot be skipped unseen."""

pytestmark = pytest.mark.skipif(CHROMIUM is None and not REQUIRED, reason="no Chromium installed")


def rendered(url: str, profile: Path) -> str:
    """Return the page's DOM after its scripts have run."""
    assert CHROMIUM is not None, "CI has to install Chromium"
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
        "--window-size=1400,2000",
        "--virtual-time-budget=15000",
        "--dump-dom",
        url,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_an_experiments_page_draws_its_curves_and_figures(cluster: Server, tmp_path: Path) -> None:
    experiment_id = submit(cluster, cartpole_values())
    best = wait_for_end(cluster, experiment_id)["best_test_return"]
    dom = rendered(f"{cluster.url}/dashboard/{experiment_id}", tmp_path)
    assert dom.count('class="main-svg"') >= 4  # each figure is drawn by plotly.js
    assert dom.count("js-line") >= 4  # and has lines in it
    assert "completed" in dom
    assert f"{best:.1f}" in dom or f"{best:.0f}" in dom
    assert "best_model.npz" in dom


def test_the_list_shows_every_experiment_with_a_link(cluster: Server, tmp_path: Path) -> None:
    experiment_id = submit(cluster, cartpole_values() | {"name": "listed", "stop": {"generations": 1}})
    wait_for_end(cluster, experiment_id)
    dom = rendered(f"{cluster.url}/", tmp_path)
    assert f"/dashboard/{experiment_id}" in dom
    assert "CartPole-v1" in dom


def test_the_api_documentation_renders(cluster: Server, tmp_path: Path) -> None:
    dom = rendered(f"{cluster.url}/docs", tmp_path)
    assert "operations-experiments-create_experiment" in dom


def test_the_pages_work_with_a_token_as_the_password(tmp_path: Path) -> None:
    token = "sixteen-letters-and-more"  # noqa: S105 - this test's own
    with master(tmp_path, ["http://127.0.0.1:9"], SEEDCAST_TOKEN=token) as server:
        server.http.auth = ("anyone", token)
        experiment_id = submit(server, cartpole_values() | {"name": "secret"})
        dom = rendered(f"http://anyone:{token}@127.0.0.1:{server.port}/", tmp_path / "with")
        assert f"/dashboard/{experiment_id}" in dom
        assert "CartPole-v1" in dom
        assert "CartPole-v1" not in rendered(f"{server.url}/", tmp_path / "without")

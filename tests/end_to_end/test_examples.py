"""The example packages, installed into a folder and trained over HTTP: what their READMEs promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from seedcast import Client
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.processes import ROOT, Server, master, submit, wait_for_end, worker

EXAMPLES = ROOT / "examples"
SMALL = {"population_size": 8, "test": {"every": 2, "episodes": 2}, "stop": {"generations": 2}}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the packages where only this test's processes look."""
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    packages = [str(EXAMPLES / name) for name in ("custom_environment", "custom_policy", "custom_strategy")]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), *packages], check=True
    )
    return target


def train(server: Server, config: Path) -> dict[str, Any]:
    spec = yaml.safe_load(config.read_text()) | SMALL
    return wait_for_end(server, submit(server, spec))


@pytest.mark.slow
def test_the_examples_install_and_train(installed: Path, tmp_path: Path) -> None:
    path = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(installed)])}
    with worker(tmp_path, None, 1, **path) as one, master(tmp_path, [one.url], **path) as server:
        harbour = EnvironmentSpec(id="Harbour-v0").model_dump()
        description = one.http.post("/environments/describe", json=harbour).json()
        assert (description["engine"], description["max_episode_steps"]) == ("entry_points", 200)
        for config in ("custom_policy/gated_cartpole.yaml", "custom_environment/harbour.yaml"):
            experiment = train(server, EXAMPLES / config)
            assert (experiment["status"], experiment["generation"]) == ("completed", 2), experiment
        with Client(server.url) as client:
            film = client.wait_for_job(client.film(experiment["id"])).result
            assert film is not None and film.artifact is not None, "the last one draws pictures"  # noqa: PT018


def test_a_strategy_of_ones_own_is_listed_and_trains(installed: Path, tmp_path: Path) -> None:
    path = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(installed)])}
    plain = {"PYTHONPATH": str(ROOT)}  # a worker needs nothing of the strategy
    with worker(tmp_path, None, 1, **plain) as one, master(tmp_path, [one.url], **path) as server:
        described = server.http.get("/strategies/csa_es").json()
        assert described["resizable"]
        assert described["hyperparameters"]["properties"]["sigma_init"]["default"] == 0.1
        experiment = train(server, EXAMPLES / "custom_strategy/csa_cartpole.yaml")
        assert (experiment["status"], experiment["generation"]) == ("completed", 2), experiment
        history = server.http.get(f"/experiments/{experiment['id']}/history").json()["generations"]
        assert set(history[0]["strategy"]) == {"sigma"}


def test_a_strategy_of_ones_own_keeps_the_contract(installed: Path) -> None:
    tests = EXAMPLES / "custom_strategy"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tests), str(tests)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(installed)])},
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    passed = int(done.stdout.rpartition(" passed")[0].split()[-1])
    assert passed > 50, done.stdout

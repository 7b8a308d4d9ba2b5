"""A client made by an off-the-shelf generator of what the master says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import PATIENCE, Server
from tests.specs import cartpole_values

USE = """
import json, sys, time
from made import Client
from made.api.experiments import create_experiment, list_experiments, show_experiment, stop_experiment
from made.models import Experiment, ExperimentSpec, Problem

url, values = sys.argv[1], json.loads(sys.argv[2])
with Client(base_url=url) as client:
    begun = create_experiment.sync(client=client, body=ExperimentSpec.from_dict(values))
    assert isinstance(begun, Experiment), begun
    listed = list_experiments.sync(client=client)
    assert begun.id in [one.id for one in listed.experiments]
    shown = show_experiment.sync(begun.id, client=client)
    assert shown.spec.strategy.name == "pgpe" and shown.spec.strategy.radius == 2, shown.spec
    stopped = stop_experiment.sync(begun.id, client=client)
    assert stopped.status == "stopped", stopped
    refused = stop_experiment.sync(begun.id, client=client)
    assert isinstance(refused, Problem) and refused.status == 409, refused
    missing = show_experiment.sync_detailed("nobody", client=client)
    assert (missing.status_code, missing.parsed.type_) == (404, "urn:seedcast:problem:not-found"), missing
print("used")
"""


@pytest.mark.slow
def test_a_generated_client_submits_lists_shows_and_stops(cluster: Server, tmp_path: Path) -> None:
    document = cluster.http.get("/openapi.json").json()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    generator = Path(sys.executable).with_name("openapi-python-client")
    options = ["--path", "openapi.json", "--output-path", "made", "--meta", "none"]
    made = subprocess.run(
        [generator, "generate", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert "will not be generated" not in made.stdout + made.stderr
    assert "Unable to parse" not in made.stdout + made.stderr
    wanted = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    found = {path.stem for path in (tmp_path / "made" / "api").rglob("*.py")} - {"__init__"}
    assert wanted <= found
    spec = cartpole_values() | {"stop": {"generations": 100_000}}
    used = subprocess.run(
        [sys.executable, "-c", USE, cluster.url, json.dumps(spec)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert used.stdout.strip() == "used", used.stderr

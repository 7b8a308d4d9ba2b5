"""`seedcast study`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.test_experiments import run
from tests.end_to_end.test_studies import SPEC
from tests.processes import Server


@pytest.mark.slow
def test_a_study_is_started_watched_and_shown(cluster: Server, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(SPEC | {"halving": None, "budget": {"environment_steps": 1000}}))
    started = run(cluster, "study", "start", file, "--watch")
    assert started.returncode == 0, started.stderr
    study_id = started.stdout.split()[0]
    assert "4 of 4 runs begun" in started.stderr
    assert study_id in run(cluster, "study", "list").stdout
    shown = run(cluster, "study", "show", "last").stdout
    assert "completed (every run has ended)" in shown
    assert "strategy.radius=0.5" in shown
    assert json.loads(run(cluster, "study", "show", study_id, "--json").stdout)["study"]["runs"] == 4
    again = run(cluster, "study", "stop", study_id)
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1)


def test_a_wrong_study_is_refused_in_one_line_a_fault(cluster: Server, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(SPEC | {"seeds": [1, 1]}))
    refused = run(cluster, "study", "start", file)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "seeds" in refused.stderr


def test_of_several_starts_the_one_that_went_on_stands_first(cluster: Server, tmp_path: Path) -> None:
    starts = {
        "axes": [],
        "seeds": 3,
        "halving": {"first_environment_steps": 1000, "among": "runs"},
        "budget": {"environment_steps": 2000, "runs_at_once": 3},
    }
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(SPEC | starts))
    started = run(cluster, "study", "start", file, "--watch")
    assert started.returncode == 0, started.stderr
    lines = started.stdout.splitlines()
    runs = lines[next(i for i, line in enumerate(lines) if line.startswith("experiment")) + 1 :]
    steps = [int(line.split()[-1].replace(",", "")) for line in runs]
    assert len(steps) == 3
    assert steps[0] >= 2000 > steps[1]

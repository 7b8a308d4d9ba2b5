"""`seedcast validate` and `seedcast schema`, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.forge import run
from tests.processes import PATIENCE
from tests.specs import cartpole_values


def seedcast(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command, with a few more environment variables."""
    return run(["seedcast.cli.entry:main", *arguments], os.environ | variables, PATIENCE)


def test_every_config_validates() -> None:
    configs = sorted(map(str, Path("configs").glob("*.yaml")))
    done = seedcast("validate", *configs)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(configs)


def test_a_wrong_file_is_named_with_field_and_reason_and_the_others_are_still_checked(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(yaml.safe_dump(cartpole_values()))
    bad.write_text(yaml.safe_dump(cartpole_values() | {"population_size": -1, "extra": 1}))
    done = seedcast("validate", str(bad), str(good), str(tmp_path / "missing.yaml"))
    assert done.returncode == 2
    assert f"{good}: ok" in done.stdout
    assert f"{bad}: population_size: " in done.stderr
    found = {one["file"]: one for one in json.loads(seedcast("validate", str(bad), str(good), "--json").stdout)}
    assert found[str(good)] == {"file": str(good), "ok": True, "strategy": "pgpe", "task": "CartPole-v1"}
    assert len(found[str(bad)]["problems"]) == 2
    assert f"{bad}: extra: " in done.stderr
    assert "missing.yaml: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_schema_is_json_schema_and_knows_the_strategies() -> None:
    schema = json.loads(seedcast("schema").stdout)
    assert schema["title"] == "ExperimentSpec"
    assert {"pgpe", "pepg", "cma_es"} <= set(schema["properties"]["strategy"]["discriminator"]["mapping"])


def test_training_a_wrong_file_says_so_in_one_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(yaml.safe_dump(cartpole_values() | {"seed": -1}))
    done = seedcast("train", str(bad))
    assert done.returncode == 2
    assert done.stderr.startswith("seedcast: seed: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    ['a: !!bool "x"', 'a: !!timestamp "x"', "a: &a [1]\nb: *a", "{" * 5000, "a: [\n", '"a\\nb\\ud83d": 1', "\x00"],
)
def test_whatever_is_in_a_file_it_is_refused_in_one_line_a_problem(tmp_path: Path, text: str) -> None:
    odd = tmp_path / "odd.yaml"
    odd.write_text(text)
    done = seedcast("validate", str(odd))
    assert done.returncode == 2
    assert done.stderr
    assert all(line.startswith(f"{odd}: ") for line in done.stderr.splitlines()), done.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"environment": {"id": "CartPol-v1"}}, "environment.id: "),
        ({"policy": {"name": "mlp", "actions": "tanh"}}, "policy.actions: "),
    ],
)
def test_a_wrong_environment_is_found_before_anything_runs(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(cartpole_values() | changes))
    done = seedcast("validate", str(path))
    assert done.returncode == 2
    assert f"{path}: {words}" in done.stderr


def test_where_no_engine_is_installed_validate_says_that_it_has_not_checked(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(cartpole_values() | {"environment": {"id": "CartPol-v1"}}))
    (tmp_path / "gymnasium.py").write_text("raise ImportError('not here')")
    done = seedcast("validate", str(path), PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "its environment is not checked" in done.stdout


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"id": "CartPole-v7"}, "curriculum.0.environment.id: is not an environment of envpool"),
        ({"id": "Acrobot-v1"}, "curriculum.0.environment: its observations or actions are not those of the task"),
    ],
)
def test_the_environment_of_a_stage_is_looked_at_too(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    path = tmp_path / "spec.yaml"
    stage = {"until": {"generations": 1}, "environment": environment}
    path.write_text(yaml.safe_dump(cartpole_values() | {"curriculum": [stage]}))
    done = seedcast("validate", str(path))
    assert done.returncode == 2
    assert f"{path}: {words}" in done.stderr

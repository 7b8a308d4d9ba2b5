"""`seedcast check` tells an author what a plug-in lacks."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.forge import run
from tests.processes import PATIENCE, PYTHONPATH


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(["seedcast.cli.entry:main", "check", *arguments], os.environ | {"PYTHONPATH": PYTHONPATH}, PATIENCE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("environment", "CartPole-v1"),
        ("environment", "OldGym-v0", "--kwargs", '{"scale": 0.5}'),
        ("policy", "mlp", "--options", '{"hidden": [5]}'),
        ("strategy", "random_search"),
    ],
)
def test_what_keeps_its_contract_passes(arguments: tuple[str, ...]) -> None:
    done = check(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_what_a_check_found_is_had_as_json() -> None:
    done = check("objective", "sphere", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["kind"], found["name"], found["ok"]) == ("objective", "sphere", True)
    assert set(found["tests"].values()) <= {"passed", "skipped"}
    assert len(found["tests"]) >= 3


def test_what_breaks_its_contract_fails_by_the_test_s_name() -> None:
    done = check("environment", "Lottery-v0")
    assert done.returncode == 1
    assert "test_an_episode_follows_its_seed FAILED" in done.stdout
    assert "the observations of two episodes with one seed differ at its start" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("environment", "Broken-v0"), "environment.id: cannot be used: cannot be imported (ModuleNotFoundError"),
        (("environment", "CartPole-v1", "--kwargs", "[]"), "--kwargs: is no JSON object"),
        (("policy", "leaving"), "policy.name: cannot be used: cannot be imported (SystemExit: no display)"),
        (("strategy", "pgqe"), "strategy.name: is not one of ars, "),
    ],
)
def test_what_cannot_be_checked_is_said_in_a_line(arguments: tuple[str, ...], reason: str) -> None:
    done = check(*arguments)
    assert done.returncode == 2
    assert reason in done.stderr

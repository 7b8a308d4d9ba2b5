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
        (("strategy", "pgpe", "--options", '{"nope": 1}'), "nope: Extra inputs are not permitted"),
        (("strategy", "pgpe", "--options", '{"radius": NaN}'), "radius: Input should be a finite number"),
        (("policy", "mlp", "--options", '{"initial_std": 1e400}'), "initial_std: Input should be a finite number"),
        (("policy", "mlp", "--options", '{"a": 1, "a": 2}'), "--options: the key 'a' stands twice"),
        (("policy", "mlp", "--options", '{"a":' * 9999), "--options: is nested too deep"),
        (("environment", "CartPole-v1", "--kwargs", '{"k": NaN}'), "kwargs.k: Input should be a finite number"),
        (("environment", "CartPole-v1", "--engine", "steam"), "engine: Input should be "),
        (("objective", "a b"), "id: String should match pattern"),
    ],
)
def test_what_cannot_be_checked_is_said_in_a_line(arguments: tuple[str, ...], reason: str) -> None:
    done = check(*arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"mode": "hang"}, "test_an_episode_has_a_result: took longer than 5 s"),
        ({"mode": "exit"}, "test_an_episode_has_a_result: ended the process, with code 3"),
        ({"mode": "segfault"}, "test_an_episode_has_a_result: ended the process, with code -"),
        ({"mode": "make_dies"}, "its description: ended the process, with code 3"),
    ],
)
def test_what_blocks_or_ends_its_process_fails_in_a_line(kwargs: dict[str, str], said: str) -> None:
    done = check("environment", "Faulty-v0", "--kwargs", json.dumps(kwargs), "--seconds", "5", "--json")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"seedcast: {said}")
    assert not json.loads(done.stdout)["ok"]


def test_the_words_of_an_episode_that_fails_come_last() -> None:
    done = check("environment", "Faulty-v0", "--kwargs", '{"mode": "raise"}')
    assert done.returncode == 1
    assert "an episode has no result: RuntimeError: the simulation blew up" in done.stdout
    assert "assert" not in done.stdout

"""Plug-ins of other packages: each costs only itself, and none takes the place of ours."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from seedcast.shared.errors import InvalidInput
from seedcast.shared.registry import Registry
from seedcast.shared.spec import policy, strategies
from tests import forge
from tests.processes import PATIENCE, PYTHONPATH

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that installs a package with one module and some entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def package(name: str, code: str, **groups: dict[str, str]) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = []
        for group, points in groups.items():
            lines += [f"[seedcast.{group}]", *(f"{point} = {target}" for point, target in points.items())]
        (folder / "entry_points.txt").write_text("\n".join(lines))

    return package


STRATEGY = """
from typing import Literal
from seedcast.services.master.strategies.random_search import RandomSearch

class Spec(RandomSearch.Spec):
    name: Literal["{name}"]

class Good(RandomSearch):
    "Searches."
    Spec = Spec

class Half:
    "Is none."

class Other(Good):
    "Has no name of its own."
    Spec = RandomSearch.Spec
"""


def found() -> Registry[object]:
    return Registry("seedcast.strategies", "strategy.name", strategies.fault)


def reason(registry: Registry[object], name: str) -> str:
    (broken,) = [plugin for plugin in registry.broken if plugin.name == name]
    assert broken.broken is not None
    return broken.broken


def test_a_package_s_strategy_stands_beside_ours(install: Install) -> None:
    install("p_good", STRATEGY.format(name="good"), strategies={"good": "p_good:Good"})
    registry = found()
    assert {"good", "pgpe"} <= set(registry)
    assert not registry.broken


def test_a_package_that_is_installed_after_others_were_read_is_found(install: Install) -> None:
    assert "late" not in found()
    install("latepkg", STRATEGY.format(name="late"), strategies={"late": "latepkg:Good"})
    importlib.invalidate_caches()
    assert "late" in found()


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("p_odd:Half", "is no strategy: it has no mirrored, resizable"),
        ("p_odd:Other", "its Spec.name is 'random_search', and its entry point is called 'odd'"),
        ("p_odd:Missing", "cannot be imported (AttributeError: "),
        ("p_nowhere:Good", "cannot be imported (ModuleNotFoundError: No module named 'p_nowhere')"),
    ],
)
def test_what_is_no_strategy_is_left_out_with_the_reason(install: Install, target: str, why: str) -> None:
    install("p_odd", STRATEGY.format(name="odd"), strategies={"odd": target})
    registry = found()
    assert why in reason(registry, "odd")
    assert "odd" not in registry
    assert "pgpe" in registry
    with pytest.raises(InvalidInput, match=r"strategy\.name: cannot be used: "):
        registry["odd"]


def test_no_package_takes_the_place_of_ours_wherever_it_lies(install: Install) -> None:
    install("aaa", STRATEGY.format(name="pgpe"), strategies={"pgpe": "aaa:Good"})
    registry = found()
    assert registry["pgpe"].__module__ == "seedcast.services.master.strategies.pgpe"
    assert reason(registry, "pgpe") == "the name is Seedcast's own, and aaa cannot replace it"


def test_of_two_packages_with_one_name_neither_is_believed(install: Install) -> None:
    for package in ("one", "two"):
        install(f"p_{package}", STRATEGY.format(name="twin"), strategies={"twin": f"p_{package}:Good"})
    registry = found()
    assert "twin" not in registry
    assert {plugin.broken for plugin in registry.broken} == {
        "several packages have one of this name: p_one, p_two"
    }


def test_a_policy_that_lacks_a_method_is_left_out_with_its_name(install: Install) -> None:
    code = """
from typing import Literal
from seedcast.shared.policies.base import Policy, PolicySpec

class HalfSpec(PolicySpec):
    name: Literal["half"]

class Half(Policy):
    Spec = HalfSpec
"""
    install("p_half", code, policies={"half": "p_half:Half"})
    registry: Registry[object] = Registry("seedcast.policies", "policy.name", policy.fault)
    assert reason(registry, "half") == "does not implement lanes"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return forge.run(["seedcast.cli.entry:main", *arguments], os.environ | {"PYTHONPATH": PYTHONPATH}, PATIENCE)


def test_packages_that_raise_or_leave_at_import_stop_no_command() -> None:
    done = run("validate", "configs/cartpole.yaml")
    assert (done.returncode, done.stderr) == (0, "")


def test_broken_packages_are_listed_with_their_reasons() -> None:
    done = run("plugins", "--broken", "--json")
    assert done.returncode == 1
    reasons = {(one["group"], one["name"]): one["broken"] for one in json.loads(done.stdout)}
    assert (
        reasons["seedcast.strategies", "raising"] == "cannot be imported (RuntimeError: the licence has run out)"
    )
    assert reasons["seedcast.policies", "leaving"] == "cannot be imported (SystemExit: no display)"
    assert "cannot replace it" in reasons["seedcast.strategies", "pgpe"]
    assert "cannot replace it" in reasons["seedcast.policies", "mlp"]
    assert "no_such_module" in reasons["seedcast.environments", "Broken-v0"]
    table = run("plugins")
    assert table.returncode == 0
    assert "usable" in table.stdout

"""Copies of the volume, as far as a folder can stand for one: a master on the copy makes the same numbers."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import Combination, build
from tests.deploy.tools import ROOT, run, tool
from tests.processes import Server, digests, master, submit, wait_for_end, wait_for_generation, worker
from tests.specs import cartpole_values

pytestmark = pytest.mark.timeout(600)
GENERATIONS = 30
PATIENCE = 180.0
DATA = ROOT / "deploy" / "data"
REFERENCE = (ROOT / "docs" / "kubernetes_reference.md").read_text()
SPEC = cartpole_values() | {"stop": {"generations": GENERATIONS}, "test": {"every": 10, "episodes": 5}}


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """Hold a process between two of its instructions: what is on the disk is what a snapshot would have."""
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


def through_tar(source: Path, target: Path) -> None:
    """Copy with the two commands that the reference pipes into a bucket and out of it."""
    pack, unpack = re.findall(r"seedcast-copy -- (tar --directory=/data \S+.*?)(?: \||$)", REFERENCE, re.MULTILINE)
    target.mkdir(parents=True)
    archive = shell(pack, source)
    shell(unpack, target, archive)


def shell(command: str, folder: Path, stdin: bytes = b"") -> bytes:
    program, *arguments = command.replace("/data", str(folder)).split()
    return subprocess.run([tool(program), *arguments], input=stdin, capture_output=True, check=True).stdout


def ends_as(folder: Path, urls: list[str], experiment: str, expected: list[str]) -> None:
    """Start a master on a copy, let it go on by itself, and compare all that it has committed in the end."""
    with master(folder, urls) as server:
        assert wait_for_end(server, experiment, PATIENCE)["status"] == "completed"
        assert digests(server, experiment) == expected


@pytest.mark.slow
def test_a_master_on_a_copy_of_the_volume_makes_the_same_numbers(tmp_path: Path) -> None:
    snapshot, archived = tmp_path / "snapshot", tmp_path / "archived"
    with worker(tmp_path) as one:
        with master(tmp_path, [one.url]) as first:
            calm = submit(first, SPEC)
            assert wait_for_end(first, calm, PATIENCE)["status"] == "completed"
            expected = digests(first, calm)
            assert len(expected) == GENERATIONS
            copied = submit(first, SPEC)
            wait_for_generation(first, copied, 3, PATIENCE)
            with frozen(first):
                shutil.copytree(tmp_path / "data", snapshot / "data")
            wait_for_generation(first, copied, 6, PATIENCE)
        through_tar(tmp_path / "data", archived / "data")
        ends_as(snapshot, [one.url], copied, expected)
        ends_as(archived, [one.url], copied, expected)


def documents() -> dict[str, Any]:
    return {file.stem: yaml.safe_load(file.read_text()) for file in DATA.glob("*.yaml")}


def test_copies_are_of_the_masters_volume_and_in_a_pod_like_its_own(tmp_path: Path) -> None:
    plain = build(Combination("gke-autopilot", ()), tmp_path)
    claim = plain.one("PersistentVolumeClaim", "seedcast-data")
    found = documents()
    assert found["snapshot"]["spec"]["source"]["persistentVolumeClaimName"] == claim["metadata"]["name"]
    again = found["from_snapshot"]
    assert again["spec"].pop("dataSource") == {
        "apiGroup": "snapshot.storage.k8s.io",
        "kind": found["snapshot"]["kind"],
        "name": found["snapshot"]["metadata"]["name"],
    }
    assert (again["metadata"]["name"], again["spec"]) == (claim["metadata"]["name"], claim["spec"])
    [copy], [own] = found["copy"]["spec"]["containers"], [plain.container("master")]
    assert copy["image"] == own["image"]
    assert copy["securityContext"] == own["securityContext"]
    assert copy["volumeMounts"] == [mount for mount in own["volumeMounts"] if mount["name"] == "data"]
    mine, masters = found["copy"]["spec"], plain.pod("master")["spec"]
    assert mine["volumes"] == [volume for volume in masters["volumes"] if volume["name"] == "data"]
    assert mine["securityContext"].items() <= masters["securityContext"].items()


def test_what_kubernetes_itself_knows_of_them_is_valid() -> None:
    files = [DATA / "from_snapshot.yaml", DATA / "copy.yaml"]
    printed = run("kubernetes-validate", "--strict", "--no-warn", "-k", "1.37", *files)
    assert printed.count(" passed") == len(files)

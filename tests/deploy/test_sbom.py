"""What an image has, as a list: made here by this Python, of its packages, and read by CycloneDX's own schema."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.applications import ROLES
from tests.deploy.tools import ROOT, tool

BASE = "python:3.11-slim-bookworm"
REFERENCE = (ROOT / "docs" / "kubernetes_reference.md").read_text()
SCRIPT = ROOT / "deploy" / "images" / "sbom.py"
STRICT = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
found = JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read())
sys.exit(str(found) if found else 0)
"""


def made() -> str:
    """Run it as the image does: its text on standard input."""
    command = [sys.executable, "-", "seedcast-master", "v1"]
    return subprocess.run(command, input=SCRIPT.read_text(), capture_output=True, text=True, check=True).stdout


def test_the_document_has_every_package_that_is_installed_and_no_other() -> None:
    document: dict[str, Any] = json.loads(made())
    assert document["metadata"]["component"]["version"] == "v1"
    python = {one["name"]: one["version"] for one in document["components"] if one["purl"].startswith("pkg:pypi/")}
    assert python == {one.metadata["Name"].lower().replace("_", "-"): one.version for one in distributions()}
    assert {"numpy", "fastapi"} <= python.keys()
    references = [one["bom-ref"] for one in document["components"]]
    assert len(references) == len(set(references)) > 50


def test_debians_packages_are_those_that_dpkg_lists() -> None:
    if not Path("/var/lib/dpkg/status").exists():
        pytest.skip("this is not Debian")
    listed = subprocess.run(
        [tool("dpkg-query"), "--show", "--showformat=${db:Status-Status} ${Package} ${Version}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    installed = {tuple(line.split()[1:]) for line in listed if line.startswith("installed ")}
    components = json.loads(made())["components"]
    assert {(one["name"], one["version"]) for one in components if one["purl"].startswith("pkg:deb/")} == installed


def test_the_same_packages_are_the_same_document() -> None:
    assert made() == made()


def test_cyclonedxs_own_schema_accepts_it() -> None:
    python = Path(tool("checkov")).parent / "python"
    if not python.exists():
        pytest.skip("the schema comes with make deploy-tools")
    command = [str(python), "-c", STRICT]
    done = subprocess.run(command, input=made(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("role", ROLES)
def test_make_and_cloud_build_list_what_they_built(role: str) -> None:
    make = (ROOT / "Makefile").read_text().partition("\nsbom:")[2].partition("\n\n")[0]
    assert f"seedcast-{role}" in make or "for role in master worker" in make
    built = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
    [step] = [one for one in built["steps"] if one["id"] == f"{role}-sbom"]
    assert step["waitFor"] == [role]
    assert "< deploy/images/sbom.py" in step["args"][-1]
    assert f"seedcast-{role}.cdx.json" in built["artifacts"]["objects"]["paths"]


def test_images_say_from_which_commit_they_are_and_by_whom_they_were_built() -> None:
    built = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
    for role in ROLES:
        [step] = [one for one in built["steps"] if one["id"] == role]
        assert {"--build-arg=REVISION=$_REVISION", "--build-arg=BASE=$_BASE"} <= set(step["args"])
        assert 'org.opencontainers.image.revision="${REVISION}"' in (ROOT / f"Dockerfile.{role}").read_text()
    assert built["options"]["requestedVerifyOption"] == "VERIFIED"
    guide = (ROOT / "docs" / "kubernetes.md").read_text()
    assert guide.count("_REVISION=$(git rev-parse HEAD)") == guide.count("gcloud builds submit --config") == 2


def test_every_stage_is_of_the_base_that_can_be_pinned() -> None:
    defaults = {yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["substitutions"]["_BASE"]}
    for role in ROLES:
        lines = (ROOT / f"Dockerfile.{role}").read_text().splitlines()
        defaults |= {line.removeprefix("ARG BASE=") for line in lines if line.startswith("ARG BASE=")}
        stages = [line.split()[1] for line in lines if line.startswith("FROM ")]
        assert set(stages) == {"${BASE}", "packages"}
    assert defaults == {BASE}


@pytest.mark.parametrize("digest", ["", "@sha256:" + "0a" * 32])
def test_the_documented_bump_finds_the_base_pinned_or_not(digest: str) -> None:
    [block] = re.findall(r"^```json\n(.*?)^```$", REFERENCE, re.MULTILINE | re.DOTALL)
    [manager] = json.loads(block)["customManagers"]
    [pattern], [file] = manager["matchStrings"], manager["managerFilePatterns"]
    assert re.search(file.strip("/"), "cloudbuild.yaml")
    built = (ROOT / "cloudbuild.yaml").read_text().replace(BASE, BASE + digest)
    [found] = re.finditer(pattern.replace("(?<", "(?P<"), built)
    assert f"{found['depName']}:{found['currentValue']}" == BASE
    assert found["currentDigest"] == (digest[1:] or None)

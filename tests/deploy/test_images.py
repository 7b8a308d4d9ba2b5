"""What can be known of the images without building them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from seedcast.services.worker.environments.envpool_families import MYOSUITE, OFFERED
from tests.deploy.applications import PORTS, ROLES, routes, variables
from tests.deploy.tools import ROOT, checkov, run

PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


def dockerfile(role: str) -> str:
    return (ROOT / f"Dockerfile.{role}").read_text()


def final_stage(role: str) -> str:
    return dockerfile(role).rpartition("\nFROM ")[2]


def health_check(role: str) -> list[str]:
    """Return the command that says whether a container is healthy."""
    [command] = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", final_stage(role), re.MULTILINE)
    return [str(word) for word in json.loads(command)]


def pins(lock: Path) -> dict[tuple[str, str], frozenset[str]]:
    """Return (package, version) → hashes."""
    blocks = re.split(r"\n(?=[a-z])", lock.read_text())
    return {PIN.match(block).groups(): frozenset(HASH.findall(block)) for block in blocks}  # type: ignore[union-attr,misc]


def test_hadolint_finds_nothing() -> None:
    assert run("hadolint", *(f"Dockerfile.{role}" for role in ROLES)) == ""


def test_checkov_finds_nothing_in_dockerfiles() -> None:
    failed, passed = checkov("dockerfile", [ROOT / f"Dockerfile.{role}" for role in ROLES])
    assert not failed
    assert passed > 100


@pytest.mark.parametrize("role", ROLES)
def test_an_image_installs_what_the_project_is_tested_with(role: str) -> None:
    tested, installed = pins(ROOT / "requirements.lock"), pins(ROOT / "deploy" / "images" / f"{role}.lock")
    assert len(installed) > 20
    versions = {package for package, _ in tested}
    for (package, version), hashes in installed.items():
        assert hashes
        if package in versions:
            assert tested[package, version] == hashes
    added = {package for package, _ in installed} - versions
    # The master's: what speaks to Google's buckets.
    assert added == {"dumb-init"} if role == "worker" else {"dumb-init", "gcsfs"} <= added


def test_an_image_carries_nothing_of_the_other_half() -> None:
    packages = {role: {package for package, _ in pins(ROOT / "deploy/images" / f"{role}.lock")} for role in ROLES}
    assert {"cma", "httpx"} <= packages["master"] - packages["worker"]
    assert {"envpool", "gymnasium", "pybullet"} <= packages["worker"] - packages["master"]
    for role in ROLES:
        assert not packages[role] & {"pytest", "mypy", "ruff", "hatchling", "setuptools", "typer"}


@pytest.mark.parametrize("role", ROLES)
def test_the_final_stage_installs_nothing_and_is_nobodys_root(role: str) -> None:
    stage = final_stage(role)
    assert not re.search(r"\b(apt|apt-get|pip|gcc|build-essential)\b", stage)
    assert re.findall(r"^USER (.*)$", stage, re.MULTILINE) == ["10001:10001"]


@pytest.mark.parametrize("role", ROLES)
def test_the_first_process_forwards_signals_and_reaps(role: str) -> None:
    stage = final_stage(role)
    assert 'ENTRYPOINT ["dumb-init", "--single-child", "--"]' in stage
    assert f'CMD ["python", "-m", "seedcast.services.{role}"]' in stage


@pytest.mark.parametrize("role", ROLES)
def test_the_images_variables_and_port_are_the_applications_own(role: str) -> None:
    stage = final_stage(role)
    named = set(re.findall(r"\b(SEEDCAST_[A-Z_]+)\b", stage))
    assert named <= variables(role)
    assert re.findall(r"^EXPOSE (\d+)$", stage, re.MULTILINE) == [str(PORTS[role])]
    assert re.search(rf"^    SEEDCAST_(WORKER_)?PORT={PORTS[role]}$", stage, re.MULTILINE)


@pytest.mark.parametrize("role", ROLES)
def test_the_health_check_asks_a_route_that_exists_and_is_python(role: str) -> None:
    program, flag, code = health_check(role)
    compile(code, "HEALTHCHECK", "exec")
    assert (program, flag) == ("python", "-c")
    assert "/readyz" in code
    assert "/readyz" in routes(role)


@pytest.mark.parametrize("role", ROLES)
def test_the_images_name_is_the_same_everywhere(role: str) -> None:
    name = f"seedcast-{role}"
    assert f'org.opencontainers.image.title="{name}"' in final_stage(role)
    for settings in (ROOT / "deploy" / "overlays").glob("*/settings.yaml"):
        image = yaml.safe_load(settings.read_text())["data"][f"{role}_image"]
        assert re.fullmatch(rf".+/{name}:\w+", image)
    built = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
    assert any(image.endswith(f"/seedcast/{name}:$_TAG") for image in built["images"])
    assert any(f"Dockerfile.{role}" in " ".join(step["args"]) for step in built["steps"])


def test_what_cloud_build_pushes_is_what_the_gke_overlays_run() -> None:
    built = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
    values = {"$_LOCATION": built["substitutions"]["_LOCATION"], "$_TAG": built["substitutions"]["_TAG"]}
    pushed = set()
    for image in built["images"]:
        for name, value in values.items():
            image = image.replace(name, value)
        pushed.add(image.replace("$PROJECT_ID", "PROJECT"))
    for overlay in ("gke-autopilot", "gke-standard"):
        settings = yaml.safe_load((ROOT / "deploy/overlays" / overlay / "settings.yaml").read_text())["data"]
        assert {settings["master_image"], settings["worker_image"]} == pushed


def test_the_build_context_has_every_file_that_is_copied_and_little_else() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert rules[1] == "*"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    for role in ROLES:
        copied = re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile(role), re.MULTILINE)
        for source in " ".join(copied).split():
            assert (ROOT / source).exists()
            assert any(Path(source).match(rule) or source.startswith(f"{rule}/") for rule in allowed), source


def test_scripts_that_trim_packages_are_those_that_are_copied_and_run() -> None:
    scripts = {path.name for path in (ROOT / "deploy" / "images").glob("*.sh")}
    for role in ROLES:
        text = dockerfile(role)
        copied = set(re.findall(r"deploy/images/(\w+\.sh)", text))
        assert copied == set(re.findall(r"&& sh (\w+\.sh) ", text))
        scripts -= copied
    assert not scripts


def test_the_workers_image_keeps_every_family_of_envpool_that_is_offered() -> None:
    script = (ROOT / "deploy" / "images" / "trim_worker.sh").read_text().replace("\\\n", " ")
    [families] = re.findall(r'^families="(.*)"$', script, re.MULTILINE)
    assert {f"envpool.{family}" for family in families.split()} == OFFERED.keys() - {MYOSUITE}
    kept = {
        folder: set(names.split()) for folder, names in re.findall(r"^keep ([a-z]\S*) (.*)$", script, re.MULTILINE)
    }
    for family in families.split():
        group, _, one = family.partition(".")
        assert group in kept["envpool"]
        assert not one or one in kept[f"envpool/{group}"]

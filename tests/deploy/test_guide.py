"""docs/kubernetes.md and its reference: their commands parse, and what they name exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

import pytest
import yaml

from tests.deploy.applications import ROLES, routes, variables
from tests.deploy.manifests import Combination, Rendered
from tests.deploy.tools import ROOT, tool

FIRST_PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
GUIDE = FIRST_PAGE + (ROOT / "docs" / "kubernetes_reference.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = "\n".join(BLOCKS)
SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")


def calls(program: str) -> list[str]:
    """Return the guide's calls of a program up to a pipe, also those in sentences and within $(…)."""
    code = (COMMANDS + "\n".join(re.findall(r"`([^`\n]+)`", GUIDE))).replace("\\\n", " ")
    lines = SUBSTITUTION.sub("x", code).splitlines() + SUBSTITUTION.findall(code)
    return sorted({found[0] for line in lines if (found := re.search(rf"^{program} [^|]*", line.strip()))})


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_bash(block: str) -> None:
    done = subprocess.run([tool("bash"), "-n"], input=block, capture_output=True, text=True, check=False)
    assert not done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("call", [call for call in calls("kubectl") if not call.endswith(" -k")])
def test_kubectl_knows_every_command_and_flag(call: str) -> None:
    """It reads them before it asks for the cluster, or the reader's files, of which there are none."""
    done = subprocess.run(
        [tool("kubectl"), "--server=http://127.0.0.1:9", "--request-timeout=1s", *shlex.split(call)[1:]],
        cwd=ROOT,
        env=os.environ | {"KUBECONFIG": os.devnull},
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert re.search(r"127\.0\.0\.1:9|Cannot read file tls\.crt", done.stdout + done.stderr)


def test_every_block_says_its_language() -> None:
    assert GUIDE.count("```bash\n") == len(BLOCKS) > 10
    assert "```sh\n" not in GUIDE


@pytest.mark.parametrize("heading", ["Five commands on GKE Autopilot", "Five commands on kind"])
def test_five_commands_are_five(heading: str) -> None:
    block = FIRST_PAGE.partition(f"## {heading}\n")[2].partition("```bash\n")[2].partition("```")[0]
    assert len(block.strip().replace("\\\n", " ").splitlines()) == 5


def test_a_newcomers_page_is_one_page() -> None:
    assert len(FIRST_PAGE.splitlines()) <= 200


def test_files_that_it_names_exist() -> None:
    named = set(re.findall(r"(?<![\w./])((?:deploy|configs|tests|docs)/[\w./-]*\w)", GUIDE))
    named |= set(re.findall(r"--config=(\S+)", COMMANDS))
    assert len(named) > 10
    for path in named - {"deploy/overlays"}:
        assert (ROOT / path).exists(), path


def test_targets_of_make_that_it_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", GUIDE))
    assert {"images", "test-containers"} <= named <= targets


def test_addresses_that_it_asks_exist() -> None:
    asked = set(re.findall(r"localhost:8000(/[\w$./-]+)", GUIDE))
    patterns = [re.sub(r"\{\w+\}", r"[^/]+", route) for route in routes("master")]
    assert {"/experiments", "/workers"} < asked
    for path in asked:
        assert any(re.fullmatch(pattern, path) for pattern in patterns), path


def test_resources_that_it_names_exist(all_rendered: dict[Combination, Rendered]) -> None:
    for rendered in all_rendered.values():
        for kind, name in re.findall(r"\b(deployment|service|configmap)[/ ](seedcast-[a-z]+)", COMMANDS):
            kinds = {"deployment": "Deployment", "service": "Service", "configmap": "ConfigMap"}
            assert rendered.one(kinds[kind], name)
        for label, value in re.findall(r"--selector=([\w./-]+)=([\w-]+)", COMMANDS):
            assert any(
                rendered.pod(role)["metadata"]["labels"].get(label) == value for role in ("master", "worker")
            )
    assert set(re.findall(r"--namespace=(\w+)", COMMANDS)) == {"seedcast", "keda"}


def test_every_overlay_and_optional_component_is_explained() -> None:
    for overlay in (ROOT / "deploy" / "overlays").iterdir():
        assert f"deploy/overlays/{overlay.name}" in GUIDE
    for component in (ROOT / "deploy" / "components").iterdir():
        if component.name not in {
            "settings",
            "published",
            "monitoring-gke",
            "verify",
        }:  # every overlay's, and both GKE overlays'
            assert f"deploy/components/{component.name}" in GUIDE


def test_tags_and_places_agree_with_cloud_build_and_the_overlays() -> None:
    substitutions = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["substitutions"]
    first = re.findall(r"--substitutions=(.+)", COMMANDS)[0]
    written = dict(item.split("=") for item in first.split(","))
    assert written.keys() <= substitutions.keys()
    assert {name: substitutions[name] for name in ("_LOCATION", "_TAG")} | {
        "_REVISION": "$(git rev-parse HEAD)"
    } == written


def test_variables_that_it_names_are_ones_the_settings_know() -> None:
    named = set(re.findall(r"\bSEEDCAST_\w+", GUIDE))
    assert {"SEEDCAST_TOKEN", "SEEDCAST_WORKER_FINGERPRINT"} < named
    assert named <= {name for role in ROLES for name in variables(role)}


def test_on_standard_one_worker_fills_a_node_of_the_pool_and_the_autoscaler_stops_with_it() -> None:
    [machine] = re.findall(r"--machine-type=c3d-highcpu-(\d+)", COMMANDS)
    [nodes] = re.findall(r"--max-nodes=(\d+)", COMMANDS)
    settings = yaml.safe_load((ROOT / "deploy/overlays/gke-standard/settings.yaml").read_text())["data"]
    # What the system keeps for itself is less than a core; two GiB a core are c3d-highcpu's.
    assert int(settings["worker_cpu"]) == int(machine) - 1
    assert int(settings["worker_memory"].removesuffix("Gi")) < 2 * int(machine) - 4
    assert settings["max_workers"] == nodes


def test_the_address_that_it_reserves_is_the_ingress_own(all_rendered: dict[Combination, Rendered]) -> None:
    reserved = set(re.findall(r"gcloud compute addresses \w+ ([\w-]+) --global", COMMANDS))
    for combination, rendered in all_rendered.items():
        if "gke-iap" in combination.added:
            notes = rendered.one("Ingress", "seedcast")["metadata"]["annotations"]
            assert reserved == {notes["kubernetes.io/ingress.global-static-ip-name"]}


def test_the_cost_formula_computes() -> None:
    [block] = [block for block in BLOCKS if "awk" in block]
    done = subprocess.run([tool("bash"), "-eu"], input=block, capture_output=True, text=True, check=False)
    assert done.stdout == "1.4 core-hours, 0.04 for the workers\n"


def test_relative_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists()

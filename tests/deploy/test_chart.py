"""The Helm chart, rendered by Helm's own library: for every combination it is what kustomize builds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import NAMESPACE, OFFERED, Combination, Rendered, build
from tests.deploy.tools import ROOT, tool

pytestmark = pytest.mark.timeout(600)
RENDER = """
import json, sys
import helm_python
chart = helm_python.Chart.load(sys.argv[1])
asked = json.load(sys.stdin)
print(json.dumps([chart.render(values, name="any", namespace=sys.argv[2]) for values in asked]))
"""
LINT = """
import json, sys
import helm_python
print(json.dumps([helm_python.lint(sys.argv[1], values, strict=True) for values in json.load(sys.stdin)]))
"""
OTHER = {
    "master_image": "registry.test/own/master:v9",
    "worker_image": "registry.test/own/worker@sha256:" + "0a" * 32,
    "master_memory": "3Gi",
    "worker_cpu": "16",
    "worker_memory": "33Gi",
    "max_workers": "1234",
    "storage": "77Gi",
    "anonymous": "false",
    "host": "walk.test",
    "ingress_class": "traefik",
    "gateway": "front",
    "gateway_namespace": "doors",
    "quota_cpu": "555",
    "quota_memory": "666Gi",
}
"""Every setting of the local overlay, with a value that nothing else has."""


def helm(script: str, chart: Path, values: list[dict[str, Any]]) -> Any:
    """Run Helm's library where `make deploy-tools` has put it."""
    python = Path(tool("checkov")).parent / "python"
    if not python.exists():
        pytest.skip("Helm's library comes with make deploy-tools")
    done = subprocess.run(
        [str(python), "-c", script, str(chart), NAMESPACE],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tool("kubectl")
    folder = tmp_path_factory.mktemp("chart") / "seedcast"
    subprocess.run([sys.executable, "deploy/helm/make_chart.py", folder], cwd=ROOT, check=True)
    return folder


def values(chart: Path, combination: Combination) -> dict[str, Any]:
    """Return the values that a combination is called by: its overlay's file, and the components that are added."""
    own = chart / f"values-{combination.overlay}.yaml"
    found: dict[str, Any] = yaml.safe_load((own if own.exists() else chart / "values.yaml").read_text())
    assert found["components"].keys() >= set(combination.added)
    return found | {"components": found["components"] | dict.fromkeys(combination.added, True)}


def comparable(resources: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return resources by kind and name, variables in the order of their names; a chart has no Namespace."""
    found = {}
    for resource in resources:
        if resource["kind"] == "Namespace":
            continue
        text = json.loads(json.dumps(resource))
        if resource["kind"] == "Deployment":
            for container in text["spec"]["template"]["spec"]["containers"]:
                container["env"].sort(key=lambda variable: variable["name"])
        found[f"{resource['kind']}/{resource['metadata']['name']}"] = text
    return found


def rendered_by_helm(chart: Path, asked: list[dict[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """Return what Helm makes of each of these values."""
    return [
        comparable(
            resource
            for name, text in files.items()
            if not name.endswith("NOTES.txt")
            for resource in yaml.safe_load_all(text)
            if resource
        )
        for files in helm(RENDER, chart, asked)
    ]


def test_every_combination_is_what_kustomize_builds(
    chart: Path, all_rendered: dict[Combination, Rendered]
) -> None:
    made = rendered_by_helm(chart, [values(chart, combination) for combination in all_rendered])
    for (combination, built), chart_made in zip(all_rendered.items(), made, strict=True):
        assert chart_made == comparable(built.resources), combination


@pytest.mark.parametrize("added", [("autoscale-keda", "ingress", "ingress-class"), ("autoscale-cpu", "gateway")])
def test_every_setting_arrives_where_kustomize_puts_it(
    chart: Path, tmp_path: Path, added: tuple[str, ...]
) -> None:
    combination = Combination("local", (*added, "tenant"))
    assert (
        OTHER.keys() == yaml.safe_load((ROOT / "deploy/overlays/local/settings.yaml").read_text())["data"].keys()
    )
    [made] = rendered_by_helm(chart, [values(chart, combination) | OTHER])
    assert made == comparable(build(combination, tmp_path, NAMESPACE, **OTHER).resources)


def test_what_people_write_without_quotation_marks_is_the_same(chart: Path) -> None:
    combination = Combination("local", ("autoscale-keda", "tenant"))
    quoted = values(chart, combination) | {"worker_cpu": "2", "max_workers": "9", "anonymous": "false"}
    bare = quoted | {"worker_cpu": 2, "max_workers": 9, "anonymous": False}
    one, other = rendered_by_helm(chart, [quoted, bare])
    assert one == other


def test_helm_finds_nothing_to_object_to(chart: Path) -> None:
    asked = [values(chart, Combination(overlay, ())) for overlay in OFFERED]
    for report in helm(LINT, chart, asked):
        assert not report["errors"]
        assert [one for one in report["messages"] if one["severity"] > 1] == []


def test_the_version_is_the_projects(chart: Path) -> None:
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    [version] = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert about["version"] == about["appVersion"] == version

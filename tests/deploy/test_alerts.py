"""The alerts: they parse, rest on metrics that a master has, and name states that workers can be in."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from seedcast.services.master.app import create_app
from seedcast.services.master.fleet.worker_state import WorkerState
from seedcast.services.master.settings import Settings
from seedcast.services.master.storage.data_folder import DataFolder
from tests.deploy.tools import ROOT, tool

KINDS = {"prometheus": "PrometheusRule", "gke": "Rules"}
SELECTORS = """
import json, sys
import promql_parser as promql
def selectors(node):
    if isinstance(node, promql.VectorSelector):
        return [[node.name, {one.name: one.value for one in node.matchers.matchers}]]
    parts = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector")]
    parts += getattr(node, "args", [])
    return [found for part in parts if part is not None for found in selectors(part)]
print(json.dumps([selectors(promql.parse(one)) for one in json.load(sys.stdin)]))
"""


def groups(monitoring: str) -> list[dict[str, Any]]:
    file = ROOT / "deploy" / "components" / f"monitoring-{monitoring}" / "resources.yaml"
    [rules] = [one for one in yaml.safe_load_all(file.read_text()) if one["kind"] == KINDS[monitoring]]
    found: list[dict[str, Any]] = rules["spec"]["groups"]
    return found


RULES = [rule for group in groups("prometheus") for rule in group["rules"]]


@pytest.fixture(scope="module")
def selected() -> dict[str, list[tuple[str, dict[str, str]]]]:
    """Every alert's selectors: metric and labels, as Prometheus' grammar has it."""
    python = Path(tool("checkov")).parent / "python"
    if not python.exists():
        pytest.skip("the parser comes with make deploy-tools")
    done = subprocess.run(
        [str(python), "-c", SELECTORS],
        input=json.dumps([rule["expr"] for rule in RULES]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip([rule["alert"] for rule in RULES], json.loads(done.stdout), strict=True))


def test_google_and_the_operator_are_given_the_same_alerts() -> None:
    assert groups("gke") == groups("prometheus")


def test_alerts_rest_on_metrics_that_the_master_has(
    selected: dict[str, list[tuple[str, dict[str, str]]]], tmp_path: Path
) -> None:
    with TestClient(create_app(Settings(), DataFolder(tmp_path)), base_url="http://localhost") as http:
        text = http.get("/metrics").text
    for alert, found in selected.items():
        assert found, alert
        for metric, labels in found:
            series = metric + "".join(f'{{{name}="{value}"}}' for name, value in labels.items())
            assert f"\n{series} " in text, alert


def test_every_state_but_those_of_a_worker_that_is_well_or_left_has_an_alert(
    selected: dict[str, list[tuple[str, dict[str, str]]]],
) -> None:
    states = {labels["state"] for found in selected.values() for _, labels in found if "state" in labels}
    assert states == {state.value for state in WorkerState if state is not WorkerState.GONE}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_where_and_how_bad_and_speaks_of_one_installation(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert "{{ $labels.namespace }}" in rule["annotations"]["summary"]
    assert "by (namespace)" in rule["expr"]

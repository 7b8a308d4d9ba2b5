"""What is asked of an API server, without one: what it says is written here as `kubectl` prints it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.acceptance import Acceptance
from tests.cluster.kubectl import Failed, Kubectl
from tests.deploy.manifests import Combination

NAMESPACE = "seedcast-test-0"
KNOWN = [
    "v1",
    "apps/v1",
    "batch/v1",
    "policy/v1",
    "autoscaling/v2",
    "networking.k8s.io/v1",
    "scheduling.k8s.io/v1",
]


class ApiServer:
    """Stands for `subprocess.run` of kubectl: knows Kubernetes' own kinds; may change what is applied twice."""

    def __init__(self, second: str = "unchanged") -> None:
        self.asked: list[tuple[bool, list[dict[str, Any]]]] = []
        self._second = second

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if "api-versions" in command:
            return subprocess.CompletedProcess(command, 0, "\n".join(KNOWN), "")
        resources = list(yaml.safe_load_all(options["input"]))
        self.asked.append(("--dry-run=server" in command, resources))
        word = "created" if len(self.asked) == 1 else self._second
        names = [f"{one['kind'].lower()}/{one['metadata']['name']} {word}" for one in resources]
        return subprocess.CompletedProcess(command, 0, "\n".join(names) + "\n", "")


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> list[Combination]:
    """Fewer combinations: what they are built to is the matter of the tests of deploy/."""
    chosen = [
        Combination("local", ()),
        Combination("gke-autopilot", ("autoscale-cpu", "ingress", "gke-iap")),
        Combination("gke-standard", ("autoscale-keda", "gateway")),
    ]
    monkeypatch.setattr("tests.cluster.acceptance.combinations", lambda: iter(chosen))
    return chosen


def take(server: ApiServer, folder: Path) -> None:
    for _, step in Acceptance(Kubectl(folder / "kubeconfig", "mine", NAMESPACE, server), folder).steps():
        step()


def test_only_the_plain_overlay_is_kept_and_every_combination_is_tried(
    tmp_path: Path, three: list[Combination]
) -> None:
    server = ApiServer()
    take(server, tmp_path)
    kept = [resources for dry, resources in server.asked if not dry]
    tried = [resources for dry, resources in server.asked if dry]
    assert len(kept) == 2
    assert kept[0] == kept[1]
    assert len(tried) == len(three)
    for resources in kept + tried:
        for one in resources:
            assert one["apiVersion"] in KNOWN
            assert one["metadata"].get("namespace", one["metadata"]["name"]) == NAMESPACE
    assert {"Ingress", "HorizontalPodAutoscaler"} <= {one["kind"] for one in tried[1]}


@pytest.mark.usefixtures("three")
def test_a_server_that_changes_what_is_applied_twice_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="applied twice: namespace/seedcast-test-0 configured; "):
        take(ApiServer(second="configured"), tmp_path)

"""Every combination of overlay and components is valid Kubernetes and fits the applications."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.applications import PORTS, ROLES, routes, variables
from tests.deploy.manifests import NAMESPACE, OFFERED, Combination, Rendered
from tests.deploy.tools import ROOT, checkov, run

KUBERNETES = "1.37"
SPOT_SECONDS = 15
RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}

EXCUSED = {
    "CKV_K8S_15": "images are tagged, so IfNotPresent pulls the same, sooner; kind has nothing to pull from",
    "CKV_K8S_35": "the one Secret in a variable opens this API only; who can read it there could read a file",
    "CKV_K8S_43": "a digest is the cluster's own: it goes into settings.yaml where one wants it",
}
"""What checkov finds and we mean, with the reason."""


def test_every_combination_is_valid_kubernetes(all_rendered: dict[Combination, Rendered], tmp_path: Path) -> None:
    """Each resource once: most are the same in many combinations."""
    built_in = {
        yaml.safe_dump(resource)
        for content in all_rendered.values()
        for resource in content.resources
        if not is_custom(resource)
    }
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join(sorted(built_in)))
    printed = run("kubernetes-validate", "--strict", "--no-warn", "-k", KUBERNETES, file)
    assert printed.count(f"{file} passed") == len(built_in) > 50


def test_checkov_finds_exactly_what_is_excused(
    all_rendered: dict[Combination, Rendered], rendered_folder: Path
) -> None:
    widest = [max(group, key=lambda one: len(one.added)) for group in by_overlay(all_rendered)]
    failed, passed = checkov("kubernetes", [rendered_folder / f"{combination}.yaml" for combination in widest])
    assert failed == set(EXCUSED)
    assert passed > 100 * len(widest)


def by_overlay(built: dict[Combination, Rendered]) -> list[list[Combination]]:
    return [[one for one in built if one.overlay == overlay] for overlay in OFFERED]


def is_custom(resource: dict[str, Any]) -> bool:
    group = resource["apiVersion"].partition("/")[0]
    return "." in group and (not group.endswith(".k8s.io") or group.startswith("gateway."))


def test_every_selector_finds_the_pods_it_means(rendered: Rendered) -> None:
    pods = {role: rendered.pod(role)["metadata"]["labels"] for role in ROLES}
    for role in ROLES:
        name = f"seedcast-{role}"
        meant = [
            rendered.one("Deployment", name)["spec"]["selector"]["matchLabels"],
            rendered.one("Service", name)["spec"]["selector"],
            rendered.one("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"],
        ]
        if role == "worker":
            meant.append(rendered.one("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"])
            constraints = rendered.pod(role)["spec"]["topologySpreadConstraints"]
            meant += [constraint["labelSelector"]["matchLabels"] for constraint in constraints]
        for selector in meant:
            assert [one for one in ROLES if selector.items() <= pods[one].items()] == [role]


@pytest.mark.parametrize("role", ROLES)
def test_ports_are_the_applications_own(rendered: Rendered, role: str) -> None:
    assert rendered.container(role)["ports"] == [{"name": "http", "containerPort": PORTS[role]}]
    [port] = rendered.one("Service", f"seedcast-{role}")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (PORTS[role], "http")


def test_the_master_discovers_workers_through_the_headless_service(rendered: Rendered) -> None:
    service = rendered.one("Service", "seedcast-worker")
    assert service["spec"]["clusterIP"] == "None"
    [variable] = [one for one in rendered.container("master")["env"] if one["name"] == "SEEDCAST_WORKERS"]
    assert variable["value"] == f"dns://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"


@pytest.mark.parametrize("role", ROLES)
def test_probes_ask_routes_that_exist(rendered: Rendered, role: str) -> None:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        question = rendered.container(role)[probe]["httpGet"]
        assert question["path"] in routes(role)
        assert question["port"] == "http"
    assert rendered.container(role)["livenessProbe"]["httpGet"]["path"] == "/livez"


@pytest.mark.parametrize("role", ROLES)
def test_variables_are_ones_the_settings_know(rendered: Rendered, role: str) -> None:
    assert {variable["name"] for variable in rendered.container(role)["env"]} <= variables(role)
    # Kubernetes would add SEEDCAST_WORKER_PORT=tcp://… for the Service of that name.
    assert rendered.pod(role)["spec"]["enableServiceLinks"] is False


def test_a_worker_has_as_many_slots_as_cores_and_all_of_them(rendered: Rendered) -> None:
    container = rendered.container("worker")
    [slots] = [one for one in container["env"] if one["name"] == "SEEDCAST_WORKER_SLOTS"]
    assert slots["valueFrom"]["resourceFieldRef"]["resource"] == "limits.cpu"
    assert container["resources"]["limits"] == container["resources"]["requests"]
    assert int(container["resources"]["limits"]["cpu"]) >= 1


@pytest.mark.parametrize("role", ROLES)
def test_pods_are_within_pod_security_restricted(rendered: Rendered, role: str) -> None:
    namespace = rendered.one("Namespace", NAMESPACE)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod, container = rendered.pod(role)["spec"], rendered.container(role)
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"} & pod.keys()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for volume in pod["volumes"]:
        assert volume.keys() - {"name"} <= RESTRICTED_VOLUMES


@pytest.mark.parametrize("role", ROLES)
def test_pods_carry_no_token_of_the_cluster(rendered: Rendered, role: str) -> None:
    account = rendered.one("ServiceAccount", f"seedcast-{role}")
    pod = rendered.pod(role)["spec"]
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is pod["automountServiceAccountToken"] is False
    assert not rendered.of_kind("Role") + rendered.of_kind("ClusterRole") + rendered.of_kind("Secret")


@pytest.mark.parametrize("role", ROLES)
def test_pods_end_within_the_time_that_spot_gives(rendered: Rendered, role: str) -> None:
    assert rendered.pod(role)["spec"]["terminationGracePeriodSeconds"] <= SPOT_SECONDS


def test_there_is_never_a_second_master(rendered: Rendered) -> None:
    spec = rendered.one("Deployment", "seedcast-master")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    claim = rendered.one("PersistentVolumeClaim", "seedcast-data")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    [volume] = [one for one in rendered.pod("master")["spec"]["volumes"] if one["name"] == "data"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_applying_again_does_not_undo_scaling(rendered: Rendered) -> None:
    assert "replicas" not in rendered.one("Deployment", "seedcast-worker")["spec"]


@pytest.mark.parametrize("role", ROLES)
def test_pods_are_on_machines_that_the_images_are_built_for(rendered: Rendered, role: str) -> None:
    assert rendered.pod(role)["spec"]["nodeSelector"]["kubernetes.io/arch"] == "amd64"


def test_every_deployment_names_its_strategy(rendered: Rendered) -> None:
    """Without a type the server adds one, and applying the same again would change it."""
    for deployment in rendered.of_kind("Deployment"):
        assert deployment["spec"]["strategy"]["type"] in {"Recreate", "RollingUpdate"}


@pytest.mark.parametrize("role", ROLES)
def test_what_lies_on_a_node_keeps_no_autoscaler_from_moving_a_pod(rendered: Rendered, role: str) -> None:
    noted = rendered.pod(role)["metadata"]["annotations"][
        "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
    ]
    local = [one["name"] for one in rendered.pod(role)["spec"]["volumes"] if "emptyDir" in one]
    assert noted.split(",") == local


@pytest.mark.parametrize("role", ROLES)
def test_a_start_is_not_asked_about_before_the_program_can_answer(rendered: Rendered, role: str) -> None:
    probe = rendered.container(role)["startupProbe"]
    assert probe["initialDelaySeconds"] >= 3
    assert probe["failureThreshold"] * probe["periodSeconds"] >= 120


def test_the_master_leaves_a_node_that_is_gone_within_a_minute(rendered: Rendered) -> None:
    tolerated = {one["key"]: one["tolerationSeconds"] for one in rendered.pod("master")["spec"]["tolerations"]}
    assert tolerated == {"node.kubernetes.io/not-ready": 30, "node.kubernetes.io/unreachable": 30}


def test_only_the_master_and_monitoring_reach_workers(rendered: Rendered) -> None:
    policies = [one["spec"] for one in rendered.of_kind("NetworkPolicy")]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    for policy in policies:
        if policy["podSelector"].get("matchLabels") != {"app.kubernetes.io/name": "seedcast-worker"}:
            continue
        if policy["policyTypes"] == ["Egress"]:  # worker-egress, which whoever lists it wants
            continue
        assert "egress" not in policy
        [rule] = policy["ingress"]
        assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
        [source] = rule["from"]
        assert source in WELCOME


WELCOME = [
    {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "seedcast-master"}}},
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
    {
        "namespaceSelector": {
            "matchExpressions": [
                {
                    "key": "kubernetes.io/metadata.name",
                    "operator": "In",
                    "values": ["gmp-system", "gke-gmp-system"],
                }
            ]
        }
    },
]


def test_presets_are_the_files_in_configs(rendered: Rendered) -> None:
    presets = rendered.one("ConfigMap", "seedcast-presets")["data"]
    assert presets == {file.name: file.read_text() for file in (ROOT / "configs").glob("*.yaml")}


def test_every_setting_of_an_overlay_is_used(all_rendered: dict[Combination, Rendered]) -> None:
    for group in by_overlay(all_rendered):
        file = ROOT / "deploy" / "overlays" / group[0].overlay / "settings.yaml"
        settings = yaml.safe_load(file.read_text())["data"]
        together = "".join(all_rendered[one].text for one in group)
        for name, value in settings.items():
            assert isinstance(value, str)
            assert f": {value}" in together.replace('"', "") or f"- {value}" in together, name
        assert not any(
            one["metadata"]["name"] == "seedcast-settings"
            for content in map(all_rendered.__getitem__, group)
            for one in content.of_kind("ConfigMap")
        )


def test_overlays_have_the_same_settings_and_gke_a_bucket() -> None:
    files = (ROOT / "deploy" / "overlays").glob("*/settings.yaml")
    names = {file.parent.name: set(yaml.safe_load(file.read_text())["data"]) for file in files}
    assert names.keys() == OFFERED.keys()
    assert names["gke-autopilot"] == names["gke-standard"] == names["local"] | {"bucket"}


def test_every_component_is_in_some_combination(all_rendered: dict[Combination, Rendered]) -> None:
    used = {name for one in all_rendered for name in one.added}
    used |= {"verify", "published"}  # test_verify.py's, and a part of other components
    for overlay in OFFERED:
        content = yaml.safe_load((ROOT / "deploy" / "overlays" / overlay / "kustomization.yaml").read_text())
        used |= {Path(path).name for path in content["components"]}
    assert used == {path.name for path in (ROOT / "deploy" / "components").iterdir()}

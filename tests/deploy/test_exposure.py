"""Who may come in: the token as a setting, what a component leaves behind, and installations beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import NAMESPACE, OFFERED, Combination, Rendered, build
from tests.deploy.tools import ROOT

COMPONENTS = ROOT / "deploy" / "components"
REFERENCE = (ROOT / "docs" / "kubernetes_reference.md").read_text()
PUBLISHED: list[tuple[str, ...]] = [(), ("ingress",), ("ingress", "gke-iap"), ("gateway",)]
KEDA = "autoscale-keda"
FIRST = "seedcast"


def token_is_optional(rendered: Rendered) -> bool:
    """Return whether the master starts without its token; both ways to say it agree."""
    variables = {one["name"]: one for one in rendered.container("master")["env"]}
    reference = variables["SEEDCAST_TOKEN"]["valueFrom"]["secretKeyRef"]
    assert (reference["name"], reference["key"]) == ("seedcast-token", "token")
    assert type(reference["optional"]) is bool
    assert variables["SEEDCAST_ALLOW_ANONYMOUS"]["value"] == str(reference["optional"]).lower()
    return bool(reference["optional"])


def test_the_token_is_a_must_wherever_a_door_is_open_without_a_proxy_that_asks(rendered: Rendered) -> None:
    doors = rendered.of_kind("Ingress") + rendered.of_kind("HTTPRoute")
    published = bool(doors) and not rendered.of_kind("BackendConfig")
    assert token_is_optional(rendered) is not published
    assert "SEEDCAST_TOKEN" not in {one["name"] for one in rendered.container("worker")["env"]}


@pytest.mark.parametrize("added", PUBLISHED, ids="+".join)
@pytest.mark.parametrize("overlay", OFFERED)
def test_a_token_that_the_settings_demand_is_a_must_with_and_without_any_component(
    tmp_path: Path, overlay: str, added: tuple[str, ...]
) -> None:
    assert not token_is_optional(build(Combination(overlay, added), tmp_path, anonymous="false"))


def resources(component: Path) -> list[dict[str, Any]]:
    file = component / "resources.yaml"
    return [one for one in yaml.safe_load_all(file.read_text()) if one] if file.exists() else []


@pytest.mark.parametrize("component", sorted(COMPONENTS.iterdir()), ids=lambda path: str(path.name))
def test_one_file_has_whatever_a_component_leaves_in_the_cluster(component: Path) -> None:
    """So that `kubectl delete --filename=…/resources.yaml` takes out all of it, in any namespace."""
    listed = yaml.safe_load((component / "kustomization.yaml").read_text()).get("resources", [])
    assert listed == (["resources.yaml"] if resources(component) else [])
    assert {path.name for path in component.iterdir()} == {"kustomization.yaml", *listed}
    for resource in resources(component):
        assert "namespace" not in resource["metadata"]
    row = re.search(rf"^\| `{component.name}` \| (.*?) \|", REFERENCE, re.MULTILINE)
    left = ", ".join(f"{one['kind']} {one['metadata']['name']}" for one in resources(component))
    if component.name not in {"settings", "published", "verify"}:
        assert row is not None
        assert row[1] == (left or "nothing")


def test_a_component_adds_nothing_but_its_file(all_rendered: dict[Combination, Rendered]) -> None:
    for combination, rendered in all_rendered.items():
        plain = all_rendered[Combination(combination.overlay, ())]
        added = {name_of(one) for one in rendered.resources} - {name_of(one) for one in plain.resources}
        assert added == {name_of(one) for name in combination.added for one in resources(COMPONENTS / name)}


def name_of(resource: dict[str, Any]) -> tuple[str, str]:
    return resource["kind"], resource["metadata"]["name"]


def test_a_second_installation_names_the_first_nowhere(rendered: Rendered) -> None:
    """All combinations are built as a second one; resources' names have `seedcast` in them, too."""
    assert f".{FIRST}." not in rendered.text
    for resource in rendered.resources:
        kind, metadata = resource["kind"], resource["metadata"]
        if kind == "Namespace":
            assert metadata["name"] == NAMESPACE
        elif kind != "PriorityClass":
            assert metadata["namespace"] == NAMESPACE
    assert not [
        value for key, value in leaves(rendered.resources) if "namespace" in key.lower() and FIRST in value
    ]


@pytest.mark.parametrize("overlay", OFFERED)
def test_the_namespace_is_all_that_differs_between_two_installations(
    tmp_path: Path, overlay: str, all_rendered: dict[Combination, Rendered]
) -> None:
    widest = max((one for one in all_rendered if one.overlay == overlay and KEDA in one.added), key=str)
    first, second = (
        dict(enumerate(leaves(one.resources))) for one in (build(widest, tmp_path), all_rendered[widest])
    )
    assert first.keys() == second.keys()
    changed = {(first[at][1], second[at][1]) for at in first if first[at] != second[at]}
    host = "http://seedcast-master.{}.svc.cluster.local:8000/autoscale"
    assert changed == {(FIRST, NAMESPACE), (host.format(FIRST), host.format(NAMESPACE))}


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every scalar as text, with the key that it is under."""
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else ((key, one) for one in value):
            yield from leaves(item, name)
    else:
        yield key, str(value)


def test_keda_asks_nobody_where_the_namespace_was_not_put_in(all_rendered: dict[Combination, Rendered]) -> None:
    written = (COMPONENTS / "autoscale-keda" / "resources.yaml").read_text()
    assert "http://seedcast-master.NAMESPACE.svc.cluster.local:8000/autoscale" in written
    assert "NAMESPACE" not in all_rendered[Combination("local", ("autoscale-keda",))].text


def test_a_tenants_quota_holds_the_master_and_as_many_workers_as_the_autoscalers_start() -> None:
    for overlay in OFFERED:
        file = ROOT / "deploy" / "overlays" / overlay / "settings.yaml"
        settings = yaml.safe_load(file.read_text())["data"]
        workers = int(settings["max_workers"])
        assert int(settings["quota_cpu"]) >= workers * int(settings["worker_cpu"]) + 1
        memory = {name: int(settings[name].removesuffix("Gi")) for name in settings if "memory" in name}
        assert memory["quota_memory"] >= workers * memory["worker_memory"] + memory["master_memory"]


def test_every_tenants_workers_give_way_and_the_master_does_not(all_rendered: dict[Combination, Rendered]) -> None:
    for combination, rendered in all_rendered.items():
        if "low-priority" in combination.added:
            priority = rendered.one("PriorityClass", rendered.pod("worker")["spec"]["priorityClassName"])
            assert (priority["value"] < 0, priority["preemptionPolicy"]) == (True, "Never")
            assert "priorityClassName" not in rendered.pod("master")["spec"]

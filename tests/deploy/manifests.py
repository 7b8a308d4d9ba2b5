"""Every combination of overlay and components that the guide offers, built by kustomize."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.tools import ROOT, run

Resource = dict[str, Any]

NAMESPACE = "walkers"
"""Where the tests have it installed: the overlays say `seedcast`."""

AUTOSCALING: tuple[tuple[str, ...], ...] = ((), ("autoscale-cpu",), ("autoscale-keda",))
ENTRANCE: tuple[tuple[str, ...], ...] = ((), ("ingress", "ingress-class"), ("gateway",))
GKE_ENTRANCE: tuple[tuple[str, ...], ...] = (*ENTRANCE, ("ingress", "gke-iap"))
TENANT = ("tenant", "low-priority", "worker-egress")
BUCKET: tuple[tuple[str, ...], ...] = ((), ("gke-bucket", *TENANT))
MONITORING: tuple[tuple[str, ...], ...] = ((), ("monitoring-prometheus", *TENANT))

OFFERED = {
    "local": [AUTOSCALING, ENTRANCE, MONITORING],
    "gke-autopilot": [AUTOSCALING, GKE_ENTRANCE, BUCKET],
    "gke-standard": [AUTOSCALING, GKE_ENTRANCE, BUCKET],
}
"""Overlay → what may be added to what it has: one of each list."""


@dataclass(frozen=True)
class Combination:
    """An overlay with components added to its own."""

    overlay: str
    added: tuple[str, ...]

    def __str__(self) -> str:
        return "+".join([self.overlay, *self.added])


def combinations() -> Iterator[Combination]:
    """Yield every combination."""
    for overlay, lists in OFFERED.items():
        for choice in product(*lists):
            yield Combination(overlay, tuple(name for names in choice for name in names))


class Rendered:
    """What kustomize makes of a combination."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.resources: list[Resource] = [document for document in yaml.safe_load_all(text) if document]

    def of_kind(self, kind: str) -> list[Resource]:
        """Return the resources of a kind."""
        return [resource for resource in self.resources if resource["kind"] == kind]

    def one(self, kind: str, name: str) -> Resource:
        """Return the one resource with this kind and name."""
        found = [resource for resource in self.of_kind(kind) if resource["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} of {kind}/{name}"
        return found[0]

    def pod(self, role: str) -> Resource:
        """Return the pod template of the master or the worker."""
        template: Resource = self.one("Deployment", f"seedcast-{role}")["spec"]["template"]
        return template

    def container(self, role: str) -> Resource:
        """Return the one container of the master or the worker."""
        [container] = self.pod(role)["spec"]["containers"]
        return dict(container)


def write_overlay(combination: Combination, copy: Path, namespace: str, **settings: str) -> Path:
    """Copy what kustomize reads, add the components to the overlay and change its settings, as a person would.

    Returns the overlay's folder within the copy.
    """
    for name in ("deploy", "configs"):
        shutil.copytree(ROOT / name, copy / name)
    kustomization = copy / "deploy" / "overlays" / combination.overlay / "kustomization.yaml"
    content = yaml.safe_load(kustomization.read_text())
    content["components"] += [f"../../components/{name}" for name in combination.added]
    content["namespace"] = namespace
    kustomization.write_text(yaml.safe_dump(content))
    file = kustomization.parent / "settings.yaml"
    own = yaml.safe_load(file.read_text())
    own["data"] |= settings
    file.write_text(yaml.safe_dump(own))
    return kustomization.parent


def build(combination: Combination, folder: Path, namespace: str = "seedcast", **settings: str) -> Rendered:
    """Build an overlay with components and settings of its own, in a copy within ``folder``."""
    copy = folder / f"{combination}-{secrets.token_hex(4)}"
    overlay = write_overlay(combination, copy, namespace, **settings)
    text = run("kubectl", "kustomize", overlay, KUBECONFIG=os.devnull)
    shutil.rmtree(copy)
    return Rendered(text)


def built_once(combination: Combination, folder: Path) -> Rendered:
    """Build a combination in the namespace of these tests, or read what this or another process has built.

    The namespace is not the first installation's, so that whatever names that one shows.
    """
    file = folder / f"{combination}.yaml"
    if not file.exists():
        content = build(combination, folder, NAMESPACE)
        unfinished = folder / f"{secrets.token_hex(4)}.part"
        unfinished.write_text(content.text)
        unfinished.rename(file)
    return Rendered(file.read_text())

"""The Deployments of an overlay, played as they are rendered by an engine that can (podman)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from tests.deploy.applications import ROLES
from tests.deploy.containers import TAG, engine
from tests.deploy.manifests import Rendered, Resource


def skip_without_play() -> None:
    """Skip where the engine plays no manifests."""
    if "play" not in engine("kube", "--help", check=False):
        pytest.skip("this engine plays no manifests")


@contextmanager
def played(rendered: Rendered, folder: Path) -> Iterator[dict[str, str]]:
    """Run master and worker with the volume, under names that nothing else has; yield their containers by role."""
    name = f"seedcast-{secrets.token_hex(4)}"
    file = folder / "pods.yaml"
    file.write_text(yaml.safe_dump_all(_renamed(rendered, name)))
    try:
        engine("kube", "play", str(file))
        running = engine("ps", "--format", "{{.Names}}").splitlines()
        yield {role: next(one for one in running if one.startswith(name) and one.endswith(role)) for role in ROLES}
    finally:
        engine("kube", "down", str(file), check=False)
        engine("volume", "rm", "--force", f"{name}-data", check=False)


def _renamed(rendered: Rendered, name: str) -> list[Resource]:
    resources = [deepcopy(rendered.one("PersistentVolumeClaim", "seedcast-data"))]
    resources += [deepcopy(rendered.one("Deployment", f"seedcast-{role}")) for role in ROLES]
    for resource in resources:
        resource["metadata"]["name"] = resource["metadata"]["name"].replace("seedcast", name)
    for role, resource in zip(ROLES, resources[1:], strict=True):
        pod = resource["spec"]["template"]["spec"]
        pod["containers"][0]["image"] = f"seedcast-{role}:{TAG}"
        for volume in pod["volumes"]:
            if claim := volume.get("persistentVolumeClaim"):
                claim["claimName"] = f"{name}-data"
    return resources

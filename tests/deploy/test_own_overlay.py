"""The reference's example of an overlay outside this repository, built as it stands but for the address."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.manifests import Combination, build
from tests.deploy.tools import ROOT, run

REFERENCE = (ROOT / "docs" / "kubernetes_reference.md").read_text()
EXAMPLES: list[Any] = [yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)]
REMOTE = re.compile(r"https://github\.com/OWNER/seedcast//(\S+)\?ref=\S+")


def test_an_overlay_outside_builds_the_same_as_one_inside(tmp_path: Path) -> None:
    """Kustomize clones the whole repository for a remote folder, as it lies beside the overlay here."""
    own = tmp_path / "own"
    own.mkdir()
    [block] = [one for one in re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL) if REMOTE.search(one)]
    assert len(block.splitlines()) == 9
    (own / "kustomization.yaml").write_text(REMOTE.sub(r"../clone/\1", block))
    shutil.copy(ROOT / "deploy" / "overlays" / "local" / "settings.yaml", own)
    for name in ("deploy", "configs"):
        shutil.copytree(ROOT / name, tmp_path / "clone" / name)
    built = run("kubectl", "kustomize", own, KUBECONFIG=os.devnull)
    assert built == build(Combination("local", ("ingress",)), tmp_path, namespace="walkers").text


def test_flux_and_argo_take_out_what_is_no_longer_listed_and_take_the_same_folder() -> None:
    [flux] = [one for one in EXAMPLES if one["apiVersion"].startswith("kustomize.toolkit.fluxcd.io/")]
    [argo] = [one for one in EXAMPLES if one["apiVersion"].startswith("argoproj.io/")]
    assert flux["spec"]["prune"] is argo["spec"]["syncPolicy"]["automated"]["prune"] is True
    assert flux["spec"]["path"].removeprefix("./") == argo["spec"]["source"]["path"] == "seedcast"
    # What KEDA is told is the overlay's namespace: nobody may change it afterwards.
    assert "targetNamespace" not in flux["spec"]
    [overlay] = [one for one in EXAMPLES if one["apiVersion"].startswith("kustomize.config.k8s.io/")]
    assert argo["spec"]["destination"]["namespace"] == overlay["namespace"]

"""Write the Helm chart: `python deploy/helm/make_chart.py FOLDER`.

The chart is made of deploy/base and deploy/components by kustomize, so there is one copy of every manifest. A
value of it is a setting of deploy/overlays/*/settings.yaml, or says whether a component is in.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from merge import NUMBERS, Conditions, Merger, Question, Variant

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
INTERNAL = {"settings", "published", "verify"}
"""Components that are parts of others, or no part of an installation."""
COMPONENTS = sorted(path.name for path in (DEPLOY / "components").iterdir() if path.name not in INTERNAL)
ON_TOP = {"ingress-class": {"ingress"}, "gke-iap": {"ingress"}}
"""Component → what it changes."""
DOORS = ({"ingress"}, {"gateway"}, {"ingress", "gke-iap"})
"""What changes whether the token is a must, together with the setting `anonymous`."""
OPEN = """{{- define "seedcast.anonymous" -}}
{{- $in := .Values.components -}}
{{- $door := or (index $in "ingress") (index $in "gateway") -}}
{{- if and (eq (toString .Values.anonymous) "true") (or (index $in "gke-iap") (not $door)) }}true{{ end -}}
{{- end -}}
"""
NOTES = """The master is at http://localhost:8000 after
  kubectl --namespace={{ .Release.Namespace }} port-forward service/seedcast-master 8000
Kubernetes holds its pods to the restricted profile after
  kubectl label namespace {{ .Release.Namespace }} pod-security.kubernetes.io/enforce=restricted
"""


def variants() -> list[Variant]:
    """Return what is built: each component alone, and what decides on the token, with and without `anonymous`."""
    alone = [{"anonymous", name, *ON_TOP.get(name, ())} for name in COMPONENTS]
    doors = [set(door) for door in DOORS]
    return list(dict.fromkeys(map(frozenset, [{"anonymous"}, set(), *alone, *doors])))


def is_in(component: str) -> Question:
    """Return the question whether a component is in."""
    return f'index .Values.components "{component}"', lambda variant: component in variant


def is_open(variant: Variant) -> bool:
    """Return whether the master starts without its token."""
    return "anonymous" in variant and ("gke-iap" in variant or not {"ingress", "gateway"} & variant)


def settings() -> dict[str, str]:
    """Return every setting there is, with what stands for it while it is built."""
    names = {name for file in (DEPLOY / "overlays").glob("*/settings.yaml") for name in data(file)}
    numbers = {name: number for number, name in NUMBERS.items()}
    return {name: numbers.get(name, f"SETTING.{name}") for name in sorted(names)}


def data(file: Path) -> dict[str, str]:
    """Return the settings in a file."""
    return dict(yaml.safe_load(file.read_text())["data"])


def build(variant: Variant, tree: Path) -> dict[tuple[str, str], Any]:
    """Return the resources of a variant by kind and name, built in a copy of deploy/ and configs/."""
    overlay = tree / "deploy" / "overlays" / "chart"
    overlay.mkdir(exist_ok=True)
    values = settings() | {"anonymous": str("anonymous" in variant).lower()}
    note = {"config.kubernetes.io/local-config": "true"}
    local = yaml.safe_load((DEPLOY / "overlays" / "local" / "kustomization.yaml").read_text())
    # In the overlays' order, which is the one in which they have their say.
    named = ["settings", *sorted(variant & set(COMPONENTS), key=lambda name: (name in ON_TOP, name))]
    content = {
        **local,
        "namespace": "NAMESPACE-OF-THE-RELEASE",
        "components": [f"../../components/{one}" for one in named],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(content))
    metadata = {"name": "seedcast-settings", "annotations": note}
    file = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": values}
    (overlay / "settings.yaml").write_text(yaml.safe_dump(file))
    kubectl = shutil.which("kubectl", path=os.pathsep.join([str(ROOT / ".tools/bin"), os.environ.get("PATH", "")]))
    if kubectl is None:
        sys.exit("there is no kubectl: make deploy-tools")
    built = subprocess.run(
        [kubectl, "kustomize", str(overlay)],
        env=os.environ | {"KUBECONFIG": os.devnull},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    resources = [one for one in yaml.safe_load_all(built) if one["kind"] != "Namespace"]
    return {(one["kind"], one["metadata"]["name"]): one for one in resources}


def values_file(overlay: str) -> str:
    """Return an overlay's settings and components as values, with the comments of its settings."""
    text = (DEPLOY / "overlays" / overlay / "settings.yaml").read_text().partition("\ndata:\n")[2]
    listed = yaml.safe_load((DEPLOY / "overlays" / overlay / "kustomization.yaml").read_text())["components"]
    chosen = {Path(path).name for path in listed}
    if "bucket:" not in text:
        text += "  bucket: gs://BUCKET/seedcast # for the component gke-bucket\n"
    lines = [f"  {name}: {str(name in chosen).lower()}" for name in COMPONENTS]
    return re.sub(r"^  ", "", text, flags=re.MULTILINE) + "components:\n" + "\n".join(lines) + "\n"


def write(chart: Path) -> None:
    """Write the chart, in place of what is there."""
    shutil.rmtree(chart, ignore_errors=True)
    (chart / "templates").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in ("deploy", "configs"):
            shutil.copytree(ROOT / name, tree / name)
        built = {variant: build(variant, tree) for variant in variants()}
    merger = Merger(Conditions([*map(is_in, COMPONENTS), ('include "seedcast.anonymous" .', is_open)]))
    for kind, name in sorted({key for resources in built.values() for key in resources}):
        having = {one: resources[kind, name] for one, resources in built.items() if (kind, name) in resources}
        file = chart / "templates" / f"{kind.lower()}-{name}.yaml"
        file.write_text(merger.template(having, built))
    (chart / "templates" / "_open.tpl").write_text(OPEN)
    (chart / "templates" / "NOTES.txt").write_text(NOTES)
    version = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]
    about = {
        "apiVersion": "v2",
        "name": "seedcast",
        "type": "application",
        "version": version,
        "appVersion": version,
    }
    about["description"] = "Evolution strategies on Kubernetes: one master, and workers to scale."
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about, sort_keys=False))
    (chart / "values.yaml").write_text(values_file("local"))
    for overlay in ("gke-autopilot", "gke-standard"):
        (chart / f"values-{overlay}.yaml").write_text(values_file(overlay))


if __name__ == "__main__":
    write(Path(sys.argv[1]))

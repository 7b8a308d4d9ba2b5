"""The guide's steps, in its order, while a run trains: what it commits must equal a calm run's, bit by bit."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.kubectl import Failed, Kubectl
from tests.cluster.training import Training
from tests.deploy.manifests import Combination, write_overlay
from tests.deploy.tools import run

log = logging.getLogger("test-cluster")
LABEL = "seedcast.test/run"
"""On every pod of this run, with the namespace's name: a drain evicts these alone."""
ENDLESS = 1_000_000

Step = Callable[[], None]


class Guide:
    """One installation of an overlay in a namespace of its own, from the first `apply` to its removal."""

    def __init__(self, kubectl: Kubectl, training: Training, folder: Path, overlay: str, **settings: str) -> None:
        self._kubectl, self._training = kubectl, training
        self._folder, self._overlay, self._settings = folder, overlay, settings
        self._experiment = ""
        self._cordoned: str | None = None

    def steps(self, drains: bool = True, **upgrade: str) -> list[tuple[str, Step]]:
        """Return what is done, by name; ``upgrade`` are the settings that change with the upgrade."""
        listed: list[tuple[str, Step]] = [
            ("apply", self.apply),
            ("train", self.train),
            ("scale from 1 to 4", lambda: self.scale(4)),
            ("kill a worker", lambda: self.kill("seedcast-worker")),
            ("kill the master", lambda: self.kill("seedcast-master")),
            ("drain a node", self.drain),
            ("upgrade", lambda: self.upgrade(**upgrade)),
            ("scale from 4 to 1", lambda: self.scale(1)),
            ("compare with a calm run", self.compare),
        ]
        return [step for step in listed if drains or step[1] != self.drain]

    def apply(self) -> None:
        """Put everything in, and wait until both Deployments are there."""
        self._kubectl("apply", "--filename=-", stdin=self.manifests("overlays", "first"))
        self._kubectl("scale", "deployment/seedcast-worker", "--replicas=1")
        self._rolled_out("seedcast-master", "seedcast-worker")

    def manifests(self, kind: str, tried: str, **changes: str) -> str:
        """Build the overlay ("overlays") or the Job that tries it ("verify"), every pod labelled."""
        copy = self._folder / f"{kind}-{tried}"
        combination = Combination(self._overlay, ())
        folder = write_overlay(combination, copy, self._kubectl.namespace, **self._settings | changes)
        notes = {"seedcast.test/tried": tried}
        labels = {"pairs": {LABEL: self._kubectl.namespace}, "includeTemplates": True}
        top = copy / "deploy" / kind / self._overlay / "kustomization.yaml"
        content = yaml.safe_load(top.read_text())
        top.write_text(yaml.safe_dump(content | {"labels": [labels], "commonAnnotations": notes}))
        return run("kubectl", "kustomize", folder if kind == "overlays" else top.parent, KUBECONFIG=os.devnull)

    def train(self) -> None:
        """Start a run that goes on until it is compared."""
        self._experiment = self._training.submit(ENDLESS)
        self._training.go_on(self._experiment)

    def scale(self, replicas: int) -> None:
        """Change the number of workers, and wait until the master has exactly so many."""
        self._kubectl("scale", "deployment/seedcast-worker", f"--replicas={replicas}")
        self._training.wait_for_workers(replicas)
        self._training.go_on(self._experiment)

    def kill(self, name: str) -> None:
        """End a pod as a power failure would, and wait for its successor."""
        pod = self._pods(name)[0]["metadata"]["name"]
        self._kubectl("delete", "pod", pod, "--force", "--grace-period=0")
        self._rolled_out(name)
        self._training.go_on(self._experiment)

    def drain(self) -> None:
        """Drain the node of the first worker of this run's pods, and open it again in any case."""
        node = self._pods("seedcast-worker")[0]["spec"]["nodeName"]
        found = [one for one in self._kubectl.items("nodes") if one["metadata"]["name"] == node]
        if not found or found[0]["spec"].get("unschedulable"):
            raise Failed(f"{node} takes no pods already: somebody is draining it")
        self._cordoned = node
        mine = f"--pod-selector={LABEL}={self._kubectl.namespace}"
        self._kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", mine, "--timeout=240s")
        self.uncordon()
        self._rolled_out("seedcast-master", "seedcast-worker")
        self._training.go_on(self._experiment)

    def uncordon(self) -> None:
        """Open the node again that this run has closed, if it has."""
        if self._cordoned is not None:
            self._kubectl("uncordon", self._cordoned)
            self._cordoned = None

    def upgrade(self, **settings: str) -> None:
        """Try the new images by the Job, replace the workers, and then the master, as the guide has it."""
        self._kubectl("apply", "--filename=-", stdin=self.manifests("verify", "second", **settings))
        self._kubectl("wait", "--for=condition=complete", "job/seedcast-verify", "--timeout=300s", seconds=330)
        new = self.manifests("overlays", "second", **settings)
        workers = "--selector=app.kubernetes.io/name=seedcast-worker"
        self._kubectl("apply", "--filename=-", workers, stdin=new)
        self._rolled_out("seedcast-worker")
        self._kubectl("apply", "--filename=-", stdin=new)
        self._rolled_out("seedcast-master")
        self._training.go_on(self._experiment)

    def compare(self) -> None:
        """Stop the run, train the same without any disturbance, and compare every generation's parameters.

        Raises:
            Failed: the two differ, with the first generation in which they do.
        """
        self._training.stop(self._experiment)
        disturbed = self._training.digests(self._experiment)
        calm_run = self._training.submit(len(disturbed))
        self._training.wait_for(calm_run, len(disturbed))
        calm = self._training.digests(calm_run)
        differing = [
            at for at, pair in enumerate(zip(disturbed, calm, strict=True), start=1) if len(set(pair)) > 1
        ]
        if differing:
            raise Failed(f"generation {differing[0]} of {len(calm)} differs from the calm run's")
        log.info("%d generations have the calm run's sha256; the last is %s", len(calm), calm[-1])

    def clean_up(self) -> None:
        """Open the node, and delete the namespace with all that is in it, whatever of it there is."""
        try:
            self.uncordon()
        finally:
            name = self._kubectl.namespace
            self._kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=300s", seconds=330)

    def evidence(self) -> str:
        """Return what helps to understand a failure: pods, events, and the master's last lines."""
        asked = (
            ("get", "pods", "--output=wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("logs", "deployment/seedcast-master", "--tail=50"),
        )
        found = []
        for arguments in asked:
            try:
                found.append(self._kubectl(*arguments, seconds=60))
            except Failed as error:
                found.append(str(error))
        return "\n".join(found)

    def _pods(self, name: str) -> list[dict[str, Any]]:
        running = self._kubectl.items(
            "pods", f"--selector=app.kubernetes.io/name={name}", "--field-selector=status.phase=Running"
        )
        if not running:
            raise Failed(f"no pod of {name} runs")
        return running

    def _rolled_out(self, *names: str) -> None:
        for name in names:
            self._kubectl("rollout", "status", f"deployment/{name}", "--timeout=600s", seconds=630)


def follow(guide: Guide, steps: list[tuple[str, Step]]) -> None:
    """Take the steps; whatever happens, clean up.

    Raises:
        Failed: a step failed; its name and what the cluster says are logged.
    """
    try:
        for name, step in steps:
            log.info("%s", name)
            try:
                step()
            except Failed as error:
                log.error("%s: %s\n%s", name, error, guide.evidence())
                raise
    finally:
        log.info("clean up")
        guide.clean_up()

"""The steps without a cluster: what they ask of kubectl, how they end, and the training against a real master.

What stands for kubectl here answers what the steps need to go on, and fails where a test wants it to. What a
cluster makes of the calls only `make test-cluster` shows.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.kubectl import Failed, Kubectl, Refused, checked
from tests.cluster.steps import LABEL, Guide, follow
from tests.cluster.training import Training
from tests.processes import Server, eventually, master, worker

NAMESPACE = "seedcast-test-0"
POD = {"metadata": {"name": "seedcast-pod"}, "spec": {"nodeName": "node-1"}}
NODE = {"metadata": {"name": "node-1"}, "spec": {}}


class Recorder:
    """Stands for `subprocess.run` of kubectl: records calls, and fails at the first that has a word."""

    def __init__(self, fails_at: str | None = None, existing: str = "", node: dict[str, Any] = NODE) -> None:
        self.calls: list[list[str]] = []
        self.applied: list[dict[str, Any]] = []
        self._fails_at, self._existing, self._node = fails_at, existing, node

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.calls.append(command)
        if self._fails_at is not None and self._fails_at in command:
            return subprocess.CompletedProcess(command, 1, "", "the server refuses")
        if options["input"]:
            self.applied += yaml.safe_load_all(options["input"])
        return subprocess.CompletedProcess(command, 0, self._answer(command), "")

    def _answer(self, command: list[str]) -> str:
        if "get-contexts" in command:
            return "mine\n"
        if "namespace" in command and "get" in command:
            return self._existing
        return json.dumps({"items": [self._node if "nodes" in command else POD]})

    def words(self, *wanted: str) -> list[list[str]]:
        """Return the calls that have all of these words."""
        return [call for call in self.calls if set(wanted) <= set(call)]


class NoTraining(Training):
    """Goes on at once: these tests are about kubectl."""

    def __init__(self) -> None:
        super().__init__(lambda: nullcontext(""))

    def get(self, path: str, **query: Any) -> Any:  # noqa: ARG002
        raise AssertionError(path)

    def submit(self, generations: int) -> str:  # noqa: ARG002
        return "run"

    def stop(self, experiment: str) -> None:
        pass

    def wait_for(self, experiment: str, generation: int) -> None:
        pass

    def go_on(self, experiment: str, generations: int = 3) -> None:
        pass

    def wait_for_workers(self, count: int) -> None:
        pass

    def digests(self, experiment: str) -> list[str]:  # noqa: ARG002
        return ["same"]


def guide(recorder: Recorder, folder: Path) -> Guide:
    kubectl = Kubectl(folder / "kubeconfig", "mine", NAMESPACE, recorder)
    return Guide(kubectl, NoTraining(), folder, "local")


def test_every_call_names_file_context_and_namespace(tmp_path: Path) -> None:
    recorder = Recorder()
    made = guide(recorder, tmp_path)
    follow(made, made.steps())
    assert len(recorder.calls) > 15
    for call in recorder.calls:
        assert call[1:4] == [f"--kubeconfig={tmp_path}/kubeconfig", "--context=mine", f"--namespace={NAMESPACE}"]


def test_all_that_is_applied_lies_in_the_namespace_and_every_pod_has_the_label(tmp_path: Path) -> None:
    recorder = Recorder()
    made = guide(recorder, tmp_path)
    follow(made, made.steps(worker_image="worker:next"))
    for resource in recorder.applied:
        where = resource["metadata"].get("namespace", resource["metadata"]["name"])
        assert where == NAMESPACE, resource
        if "template" in resource.get("spec", {}):
            assert resource["spec"]["template"]["metadata"]["labels"][LABEL] == NAMESPACE
    kinds = [resource["kind"] for resource in recorder.applied]
    assert kinds.count("Job") == 1
    images = [
        resource["spec"]["template"]["spec"]["containers"][0]["image"]
        for resource in recorder.applied
        if resource["kind"] == "Deployment" and resource["metadata"]["name"] == "seedcast-worker"
    ]
    assert images == ["docker.io/library/seedcast-worker:dev", "worker:next", "worker:next"]


def test_an_upgrade_to_the_same_image_replaces_the_pods_all_the_same(tmp_path: Path) -> None:
    made = guide(Recorder(), tmp_path)
    templates = [
        resource["spec"]["template"]
        for tried in ("first", "second")
        for resource in yaml.safe_load_all(made.manifests("overlays", tried))
        if resource["kind"] == "Deployment"
    ]
    assert len({json.dumps(template) for template in templates}) == len(templates) == 4


def test_a_drain_evicts_nothing_of_others_and_opens_the_node(tmp_path: Path) -> None:
    recorder = Recorder()
    guide(recorder, tmp_path).drain()
    [drain] = recorder.words("drain")
    assert f"--pod-selector={LABEL}={NAMESPACE}" in drain
    assert len(recorder.words("uncordon", "node-1")) == 1


def test_a_node_that_somebody_closed_is_neither_drained_nor_opened(tmp_path: Path) -> None:
    recorder = Recorder(node={"metadata": {"name": "node-1"}, "spec": {"unschedulable": True}})
    made = guide(recorder, tmp_path)
    with pytest.raises(Failed, match="takes no pods already"):
        follow(made, [("drain", made.drain)])
    assert not recorder.words("drain")
    assert not recorder.words("uncordon")


def test_nodes_are_left_alone_without_the_drain(tmp_path: Path) -> None:
    recorder = Recorder()
    made = guide(recorder, tmp_path)
    follow(made, made.steps(drains=False))
    assert not recorder.words("nodes")
    assert not recorder.words("drain")


@pytest.mark.parametrize("word", ["apply", "scale", "rollout", "pod", "drain", "wait"])
def test_whatever_fails_the_namespace_is_deleted_and_the_node_open(tmp_path: Path, word: str) -> None:
    recorder = Recorder(fails_at=word)
    made = guide(recorder, tmp_path)
    with pytest.raises(Failed, match="the server refuses"):
        follow(made, made.steps())
    assert recorder.words("delete", "namespace", NAMESPACE)
    assert len(recorder.words("uncordon", "node-1")) == len(recorder.words("drain"))


def test_an_interruption_cleans_up_too(tmp_path: Path) -> None:
    recorder = Recorder()
    made = guide(recorder, tmp_path)

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(made, [("apply", interrupted)])
    assert recorder.words("delete", "namespace", NAMESPACE)


def test_a_namespace_that_exists_is_refused_and_never_deleted(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.touch()
    recorder = Recorder(existing=f"namespace/{NAMESPACE}")
    with pytest.raises(Refused, match="somebody else's"):
        checked(file, "mine", NAMESPACE, recorder)
    assert not recorder.words("delete")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """A real master and a worker."""
    with worker(tmp_path) as one, master(tmp_path, [one.url]) as server:
        yield server, one


@pytest.mark.slow
def test_a_run_over_ways_that_break_is_compared_with_a_calm_one(
    tmp_path: Path, cluster: tuple[Server, Server]
) -> None:
    server, _ = cluster
    opened = 0

    @contextmanager
    def forward() -> Iterator[str]:
        nonlocal opened
        opened += 1
        if opened % 3 == 0:
            raise Failed("kubectl port-forward: the pod is gone")
        yield server.url

    made = Guide(
        Kubectl(tmp_path / "kubeconfig", "mine", NAMESPACE, Recorder()), Training(forward), tmp_path, "local"
    )
    made.train()
    made.compare()

    def ended() -> bool:
        shown = server.http.get("/experiments").json()["experiments"]
        return {one["status"] for one in shown} == {"stopped", "completed"}

    eventually(ended)


def test_other_bits_than_a_calm_runs_fail_with_the_generation(tmp_path: Path) -> None:
    class Differs(NoTraining):
        def digests(self, experiment: str) -> list[str]:
            return ["a", "b", {"disturbed": "c", "run": "other"}[experiment]]

    made = Guide(Kubectl(tmp_path / "kubeconfig", "mine", NAMESPACE, Recorder()), Differs(), tmp_path, "local")
    made._experiment = "disturbed"
    with pytest.raises(Failed, match="generation 3 of 3 differs"):
        made.compare()

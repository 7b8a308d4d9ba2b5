"""What the program does not touch: kubectl is the real one, and no cluster is needed to be refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cluster.__main__ import main
from tests.processes import free_port

CONTEXTS = ("kind-mine", "gke-production")


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """A file with two contexts, the second of which is current; nobody answers at their address."""
    cluster = {"name": "there", "cluster": {"server": f"http://127.0.0.1:{free_port()}"}}
    contexts = [{"name": name, "context": {"cluster": "there", "user": "me"}} for name in CONTEXTS]
    file = tmp_path / "kubeconfig"
    content = {"clusters": [cluster], "users": [{"name": "me", "user": {}}], "contexts": contexts}
    file.write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": CONTEXTS[1]} | content)
    )
    return file


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ("", "no context was named: say CONTEXT=…; the current one is never taken"),
        ("gke-prod", "has no context 'gke-prod', but gke-production, kind-mine"),
    ],
)
def test_a_context_that_was_not_named_is_refused(
    kubeconfig: Path, context: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--kubeconfig={kubeconfig}", f"--context={context}"]) == 2
    assert reason in capsys.readouterr().err


def test_without_a_file_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--kubeconfig={tmp_path / 'none'}", "--context=kind-mine"]) == 2
    assert "say KUBECONFIG=…" in capsys.readouterr().err


def test_a_cluster_that_does_not_answer_is_a_failure_before_anything_is_applied(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--kubeconfig={kubeconfig}", "--context=kind-mine"]) == 1
    said = capsys.readouterr().err
    assert "get namespace seedcast-test-" in said
    assert "clean up" not in said

"""The Job that tries an upgrade before it is applied, and what a start says of settings that are wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seedcast.services.master.__main__ import main as master
from seedcast.services.worker.__main__ import main as worker
from seedcast.shared.server import run_main
from tests.deploy.applications import ROLES
from tests.deploy.manifests import OFFERED, Combination, Rendered
from tests.deploy.tools import ROOT, run

TOKEN = {"master": "SEEDCAST_TOKEN", "worker": "SEEDCAST_WORKER_SECRET"}
MAINS = {"master": master, "worker": worker}
SHORT = "fifteen-letters"


@pytest.mark.parametrize("overlay", OFFERED)
def test_the_job_has_the_overlays_images_and_variables_and_nothing_else_is_applied(
    overlay: str, all_rendered: dict[Combination, Rendered]
) -> None:
    plain = all_rendered[Combination(overlay, ())]
    verify = Rendered(run("kubectl", "kustomize", ROOT / "deploy" / "verify" / overlay, KUBECONFIG=os.devnull))
    [job] = verify.resources
    assert (job["kind"], job["metadata"]["namespace"]) == ("Job", "seedcast")
    pod = job["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["containers"]] == list(ROLES)
    for container in pod["containers"]:
        role = container["name"]
        assert container["image"] == plain.container(role)["image"]
        assert container["env"] == plain.container(role)["env"]
        assert container["command"] == ["python", "-m", f"seedcast.services.{role}", "--check"]
        assert container["securityContext"] == plain.container(role)["securityContext"]
    assert pod["securityContext"].items() <= plain.pod("master")["spec"]["securityContext"].items()


def check(role: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run what the Job runs."""
    return subprocess.run(
        [sys.executable, "-m", f"seedcast.services.{role}", "--check"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("SEEDCAST_")} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("role", ROLES)
def test_the_check_ends_well_without_a_port_or_a_folder(role: str, tmp_path: Path) -> None:
    done = check(role, SEEDCAST_DATA=str(tmp_path / "none"), **{TOKEN[role]: SHORT + "x"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "the settings are valid" in done.stdout
    assert SHORT not in done.stdout
    assert not (tmp_path / "none").exists()


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Returns what the same says in this process where it refuses the variables."""

    def refuse(role: str, **variables: str) -> str:
        for name in [name for name in os.environ if name.startswith("SEEDCAST_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["python", "--check"])
        with pytest.raises(SystemExit) as ended:
            run_main(MAINS[role], f"seedcast-{role}")
        assert ended.value.code == 2
        return capsys.readouterr().err

    return refuse


@pytest.mark.parametrize("role", ROLES)
def test_a_token_that_is_too_short_is_refused_in_words(role: str, refusal: Callable[..., str]) -> None:
    assert refusal(role, **{TOKEN[role]: SHORT}) == (
        f"seedcast-{role}: {TOKEN[role]}: a token has 16 characters or more, of A-Z a-z 0-9 . _ ~ + / -\n"
    )


@pytest.mark.parametrize("role", ROLES)
def test_a_door_that_nobody_guards_fails_the_check(role: str, refusal: Callable[..., str]) -> None:
    prefix = {"master": "SEEDCAST_", "worker": "SEEDCAST_WORKER_"}[role]
    said = refusal(role, **{f"{prefix}HOST": "0.0.0.0"})  # noqa: S104 - it does not listen
    assert f"{prefix}ALLOW_ANONYMOUS" in said

"""What the tab key offers, by the protocols of the shells."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
import typer

from seedcast.cli import completion
from tests.cli.test_specs import seedcast
from tests.processes import Server, eventually, submit
from tests.specs import cartpole_values


def offered(shell: str, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Return what the command tells a shell in which somebody has typed ``line``."""
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    return seedcast(**{"_SEEDCAST_COMPLETE": f"complete_{shell}"} | asked[shell] | variables)


@pytest.fixture(scope="module")
def ids(cluster: Server) -> list[str]:
    return [submit(cluster, cartpole_values() | {"name": f"tabbed-{n}", "stop": {"generations": 1}}) for n in "ab"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_ids_are_completed_in_every_shell(cluster: Server, ids: list[str], shell: str) -> None:
    def ids_offered() -> bool:
        told = offered(shell, "seedcast show tabbed-a", SEEDCAST_URL=cluster.url)
        assert (told.returncode, told.stderr) == (0, "")
        assert ids[1] not in told.stdout
        return ids[0] in told.stdout

    eventually(ids_offered)  # on a busy machine an answer may take longer than the second that the key waits


def words(line: str, url: str) -> list[str]:
    return offered("bash", line, SEEDCAST_URL=url).stdout.split()


def test_ids_are_completed_wherever_one_is_wanted_and_only_once(cluster: Server, ids: list[str]) -> None:
    for command in ("clone", "open", "track", f"compare {ids[0]}", f"show --url {cluster.url}"):
        url = "http://127.0.0.1:9" if "--url" in command else cluster.url
        told = eventually(partial(words, f"seedcast {command} tabbed-", url))
        assert ids[1] in told, command
        assert (ids[0] in told) == ("compare" not in command)  # it stands there already


def test_bash_completes_by_the_script_that_the_command_prints(cluster: Server, ids: list[str]) -> None:
    script = seedcast("--show-completion", "bash").stdout
    typed = "COMP_WORDS=(seedcast show tabbed-b); COMP_CWORD=2; _seedcast_completion seedcast"
    press = f'{script}\n{typed}\necho "$COMPREPLY"'
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "SEEDCAST_URL": cluster.url}

    def completed() -> str:
        done = subprocess.run(
            ["/bin/bash", "-c", press], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert eventually(completed) == ids[1]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://no.such.host.invalid"])
def test_nothing_is_said_where_no_master_answers(url: str) -> None:
    told = offered("bash", "seedcast show tab", SEEDCAST_URL=url)
    assert (told.returncode, told.stdout.strip(), told.stderr) == (0, "", "")


def test_the_tab_key_does_not_wait_for_a_master_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(completion, "ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(completion, "_ask", lambda *_: never.wait())
    command = typer.main.get_command(typer.Typer(callback=lambda: None))
    assert completion.experiment_ids(typer.Context(command), "") == []
    never.set()

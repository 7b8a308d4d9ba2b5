"""How the command is called, and what it says where it is called otherwise. No server runs."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from seedcast.cli import entry
from seedcast.cli.main import app, main
from tests.cli.test_specs import seedcast


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["seedcast", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show"], "Missing argument 'ID'; `seedcast show --help` says more"),
        (["show", "--bogus", "x"], "No such option: --bogus; `seedcast show --help` says more"),
        (["nonsense"], "No such command 'nonsense'; `seedcast --help` says more"),
        (["study", "nonsense"], "No such command 'nonsense'; `seedcast study --help` says more"),
        (["list", "--limit", "x"], "Invalid value for '--limit': 'x' is not a valid int range"),
        (["list", "--url", "nonsense"], "url: must be like http://127.0.0.1:8000"),
        (["list", "--url", "http://[bad"], "url: must be like http://127.0.0.1:8000"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert call(monkeypatch, *arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith(f"seedcast: {says}")


@pytest.mark.parametrize("arguments", [[], ["study"], ["check"]])
def test_a_group_alone_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert call(monkeypatch, *arguments) == 2
    told = capsys.readouterr()
    assert "Usage:" in told.out
    assert told.err == ""


def commands(group: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    """Yield every command's name and options."""
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", {option for parameter in command.params for option in parameter.opts}


def test_every_command_has_json() -> None:
    found = dict(commands(typer.main.get_command(app), "seedcast"))
    assert len(found) > 30
    assert [name for name, options in found.items() if "--json" not in options] == []


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    command = Path(sys.executable).with_name("seedcast")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([command, "schema"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_while_the_command_is_imported_is_as_quiet_as_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "seedcast.cli.main", None)

    usual = builtins.__import__

    def interrupted(name: str, *rest: Any) -> Any:
        if name == "seedcast.cli.main":  # nobody else's import: other threads may have some
            os.kill(os.getpid(), signal.SIGINT)
        return usual(name, *rest)

    with monkeypatch.context() as patched:
        patched.setattr("builtins.__import__", interrupted)
        with pytest.raises(SystemExit) as ended:
            entry.main()
    assert ended.value.code == 130


def test_completion_knows_the_commands() -> None:
    done = seedcast(_SEEDCAST_COMPLETE="complete_bash", COMP_WORDS="seedcast sto", COMP_CWORD="1")
    assert done.stdout.split() == ["stop"]

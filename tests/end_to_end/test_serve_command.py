"""`seedcast serve`: a server that stays, used by the other commands."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from tests.cli.test_specs import seedcast
from tests.end_to_end.test_train_command import HTTP, SEEDCAST, alive, descendants, generation
from tests.processes import PATIENCE, eventually, free_port
from tests.specs import cartpole_values


@contextmanager
def serving(data: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [str(SEEDCAST), "serve", "-n", "1", "--port", str(port), "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: answers(port))
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


def answers(port: int) -> bool:
    try:
        return bool(HTTP.get(f"http://127.0.0.1:{port}/readyz").is_success)
    except httpx.HTTPError:
        return False


def config(folder: Path, generations: int) -> str:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(cartpole_values() | {"stop": {"generations": generations}}))
    return str(path)


def test_train_uses_the_server_that_runs_and_what_it_trained_can_be_looked_at_afterwards(tmp_path: Path) -> None:
    data, port = tmp_path / "runs", free_port()
    options = ["--port", str(port), "--data", str(data)]
    with serving(data, port) as server:
        trained = seedcast("train", config(tmp_path, 2), *options)
        assert trained.returncode == 0, trained.stderr
        assert "completed: all 2 generations done" in trained.stdout
        assert "starting a master" not in trained.stdout
        address = trained.stdout.rpartition("look again: ")[2].strip()
        assert HTTP.get(address).is_success
        children = descendants(server.pid)
    output, errors = server.communicate()
    assert server.returncode == 130
    assert errors == ""
    assert f"serving http://127.0.0.1:{port} with 1 workers" in output
    eventually(lambda: not alive(children))


@pytest.mark.slow
def test_what_ran_when_it_ended_goes_on_when_it_starts_again(tmp_path: Path) -> None:
    data, port = tmp_path / "runs", free_port()
    url = f"http://127.0.0.1:{port}"
    with serving(data, port):
        submitted = seedcast("submit", config(tmp_path, 100_000), "--url", url)
        assert submitted.returncode == 0, submitted.stderr
        eventually(lambda: generation(port) >= 2)
    with serving(data, port):
        reached = eventually(lambda: generation(port))
        assert reached >= 2
        eventually(lambda: generation(port) > reached)
        assert seedcast("stop", "last", "--url", url).returncode == 0

"""What the forge starts is a process like any other to its test."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import forge
from tests.processes import PATIENCE, PYTHONPATH

ENVIRONMENT = os.environ | {"PYTHONPATH": PYTHONPATH}


def test_it_has_its_own_arguments_environment_output_and_exit_code() -> None:
    wrong = forge.run(["seedcast.services.master"], ENVIRONMENT | {"SEEDCAST_PORT": "none"}, PATIENCE)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("seedcast-master: SEEDCAST_PORT: ")
    right = forge.run(["seedcast.cli.entry:main", "--version"], ENVIRONMENT, PATIENCE)
    assert (right.returncode, right.stderr) == (0, "")
    assert right.stdout.startswith("seedcast ")


def test_it_is_signalled_waited_for_and_never_asked_twice(tmp_path: Path) -> None:
    settings = ENVIRONMENT | {
        "SEEDCAST_PORT": "0",
        "SEEDCAST_DATA": "data",
        "SEEDCAST_WORKERS": "http://127.0.0.1:9",
    }
    with tempfile.TemporaryFile() as log:
        process = forge.start(["seedcast.services.master"], settings, tmp_path, log.fileno(), log.fileno())
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.kill()
        assert process.wait(PATIENCE) == process.poll() == -signal.SIGKILL
        process.terminate()  # it is gone: nobody else is told to end

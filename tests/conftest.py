"""One master with two workers, shared by the tests that only need some cluster."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from tests import forge
from tests.processes import Server, eventually, master, worker

# Some environments set it. The suite starts hundreds of processes, which would each compile the same files.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
Server.forked = True

# A shell has what it starts in the background ignore Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time, and as slow as the machine is busy.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


def pytest_sessionfinish() -> None:
    """End what the forges still run, and them."""
    forge.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The master; its workers are ready."""
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(folder)).url for _ in range(2)]
        server = stack.enter_context(master(folder, urls))
        eventually(lambda: all(row["state"] == "ready" for row in server.http.get("/workers").json()["workers"]))
        yield server

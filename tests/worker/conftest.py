"""A worker process shared by the tests that leave it as they found it: ready, and with nothing to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes import Server, worker


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "SEEDCAST_WORKER_QUEUE": "1",
        "SEEDCAST_WORKER_MAX_BODY_BYTES": "100000",
        "SEEDCAST_WORKER_SLOT_MEMORY_BYTES": str(700 * 2**20),
    }
    with worker(tmp_path_factory.mktemp("worker"), None, 1, **settings) as running:
        yield running

"""A worker process shared by the tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes import Server, worker


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with worker(tmp_path_factory.mktemp("worker"), slots=1) as running:
        yield running

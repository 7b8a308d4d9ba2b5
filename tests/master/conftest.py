"""Whoever asks for a file waits for it as long as it takes: the tests' machine may be busy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seedcast.services.master.derived import refresher
from tests.processes import PATIENCE


@pytest.fixture(autouse=True, scope="session")
def _patient_downloads() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refresher, "ASKED_SECONDS", PATIENCE)
        patch.setattr(refresher, "ENDED_SECONDS", PATIENCE)
        yield

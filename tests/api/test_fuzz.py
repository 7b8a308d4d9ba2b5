"""The short form of `make fuzz-api`."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from tests.api.fuzz import fuzz


@pytest.mark.slow
def test_hundreds_of_generated_requests_find_no_fault_and_leave_none(tmp_path: Path) -> None:
    cases = 0
    for seed in count(1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        outcome = fuzz(folder, examples=3, seconds=25, seed=seed)
        assert not outcome.failures, outcome.failures
        assert not outcome.faults
        cases += outcome.cases
        if cases >= 300:  # a busy machine needs another round for it
            break

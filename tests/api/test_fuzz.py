"""The short form of `make fuzz-api`."""

from __future__ import annotations

from pathlib import Path

from tests.api.fuzz import fuzz


def test_hundreds_of_generated_requests_find_no_fault_and_leave_none(tmp_path: Path) -> None:
    outcome = fuzz(tmp_path, examples=3, seconds=500, seed=1)
    assert not outcome.failures, outcome.failures
    assert not outcome.faults
    assert outcome.cases >= 300

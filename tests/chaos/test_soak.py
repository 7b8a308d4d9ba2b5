"""The soak of `make chaos`, short: kills, stops and a bad network leave no trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.soak import Report, run


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_chaos_and_calm_learn_the_same(tmp_path: Path) -> None:
    report = run(tmp_path, duration=6, seed=3)
    assert not report.troubles(), report.text()


def test_a_soak_that_killed_nothing_has_failed() -> None:
    report = Report(digests=["a"], calm=["a"], numbers=[1])
    assert "the killer killed no worker" in report.troubles()
    assert "the killer did not kill the master" in report.troubles()


def test_a_soak_with_a_gap_a_double_or_another_result_has_failed() -> None:
    def troubles(numbers: list[int], calm: list[str]) -> list[str]:
        report = Report(1, 1, 1, digests=["a", "b", "c"], calm=calm, numbers=numbers)
        report.faults["corrupt"] = 1
        return report.troubles()

    assert troubles([1, 2, 3], ["a", "b", "c"]) == []
    assert troubles([1, 3, 4], ["a", "b", "c"]) == ["generations were lost"]
    assert troubles([1, 2, 2], ["a", "b", "c"]) == ["generations are there twice"]
    assert troubles([1, 2, 3], ["a", "x", "c"]) == ["the calm twin learnt something else"]

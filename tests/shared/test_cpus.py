from __future__ import annotations

from pathlib import Path

import pytest

from seedcast.shared import cpus


@pytest.fixture(autouse=True)
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 64 cores with these control groups."""
    monkeypatch.setattr(cpus, "CGROUPS", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    return tmp_path


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("max 100000", 64),
        ("6400000 50000", 64),
        ("rubbish", 64),
        ("1 0", 64),
    ],
)
def test_the_control_groups_quota_bounds_the_processors(limit: str, expected: int, groups: Path) -> None:
    (groups / "cpu.max").write_text(limit)
    assert cpus.usable_cpus() == expected


@pytest.mark.parametrize(
    ("quota", "period", "expected"),
    [("150000\n", "100000\n", 2), ("50000", "100000", 1), ("-1", "100000", 64), ("6400000", "50000", 64)],
)
def test_the_quota_of_version_1_bounds_them_too(quota: str, period: str, expected: int, groups: Path) -> None:
    (groups / "cpu").mkdir()
    (groups / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (groups / "cpu" / "cpu.cfs_period_us").write_text(period)
    assert cpus.usable_cpus() == expected


@pytest.mark.parametrize(("quota", "period"), [("", "100000"), ("200000", ""), ("200000", "0"), ("200000", None)])
def test_a_quota_that_makes_no_sense_bounds_nothing(quota: str, period: str | None, groups: Path) -> None:
    (groups / "cpu").mkdir()
    (groups / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    if period is not None:
        (groups / "cpu" / "cpu.cfs_period_us").write_text(period)
    assert cpus.usable_cpus() == 64


def test_without_control_groups_there_are_as_many_as_the_process_may_run_on() -> None:
    assert cpus.usable_cpus() == 64

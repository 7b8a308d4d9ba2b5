from __future__ import annotations

from pathlib import Path

import pytest

from shared import cpus


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 64), ("6400000 50000", 64), ("rubbish", 64)],
)
def test_the_control_groups_quota_bounds_the_processors(
    limit: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    monkeypatch.setattr(cpus, "CGROUP_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    assert cpus.usable_cpus() == expected

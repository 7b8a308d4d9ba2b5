"""The wall clock is shown to people and decides nothing: it may jump by a day while a master trains."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, tzinfo
from itertools import cycle
from pathlib import Path
from typing import Self

import pytest

from seedcast.services.master.experiments import repository
from seedcast.services.master.experiments.rows import Wanted
from seedcast.services.master.experiments.status import Status
from tests.master.experiments.test_recovery import Master, running
from tests.specs import cartpole

SPEC = cartpole(test={"every": 100, "episodes": 4}, stop={"generations": 4, "wall_time_seconds": 3600})


@pytest.fixture
def _jumping_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock a day forward, a day back and right, from one look at it to the next."""
    jumps = cycle((86_400.0, -86_400.0, 0.0))
    real = time.time

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=next(jumps))

    monkeypatch.setattr(repository, "datetime", Jumping)
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))


@pytest.mark.usefixtures("_jumping_clock")
def test_order_and_durations_do_not_follow_the_clock(tmp_path: Path) -> None:
    begun: list[str] = []

    async def story(master: Master) -> None:
        begun.extend([(await master.service.create(SPEC)).id for _ in range(4)])
        for experiment_id in begun:
            ended = await master.until(experiment_id, lambda one: not one.status.active)
            assert (ended.status, ended.reason) == (Status.COMPLETED, "all 4 generations done")
            rows = await master.service.history.generations(experiment_id)
            elapsed = [row.elapsed_seconds for row in rows]
            assert elapsed == sorted(elapsed)
            assert all(0 <= row.generation_seconds < 1800 for row in rows)
            assert 0 <= elapsed[-1] < 1800
        assert [one.id for one in (await master.service.rows(Wanted())).experiments] == begun[::-1]

    running(tmp_path, story)


def test_active_experiments_are_resumed_newest_first_whatever_the_clock_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(master: Master) -> None:
        stamps = iter(["2026-03-02T00:00:00+00:00", "2026-03-01T00:00:00+00:00", "2026-03-03T00:00:00+00:00"])
        monkeypatch.setattr(repository, "_now", lambda: next(stamps))
        for name in ("a", "b", "c"):
            await master.repository.add(name, SPEC, None)
        assert list(await master.repository.statuses()) == ["c", "b", "a"]

    running(tmp_path, story)

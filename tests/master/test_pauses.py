from __future__ import annotations

import asyncio
import logging

import pytest

from seedcast.services.master.pauses import Pauses


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, without making them."""
    seconds: list[float] = []

    async def sleep(pause: float) -> None:
        seconds.append(pause)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return seconds


def test_pauses_grow_to_their_limit_and_begin_anew_once_an_attempt_succeeds(slept: list[float]) -> None:
    async def run() -> None:
        pauses = Pauses("it", 0.5, 3.0)
        for _ in range(5):
            await pauses.wait("no")
        pauses.over()
        assert pauses.reason is None
        await pauses.wait("no again")
        assert pauses.reason == "no again"

    asyncio.run(run())
    assert slept == [0.5, 1.0, 2.0, 3.0, 3.0, 0.5]


def test_a_pause_is_as_long_as_the_other_side_asks_for_at_least(slept: list[float]) -> None:
    async def run() -> None:
        pauses = Pauses("it", 0.5, 3.0)
        for retry_after in (5, 0, 60):
            await pauses.wait("no", retry_after)

    asyncio.run(run())
    assert slept == [5, 1.0, 60]


def test_each_new_reason_and_the_end_of_the_trouble_are_logged_once(
    slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        pauses = Pauses("training")
        pauses.over()
        for reason in ("full", "full", "full", "damaged", "damaged"):
            await pauses.wait(reason)
        pauses.over()
        pauses.over()

    caplog.set_level(logging.INFO)
    asyncio.run(run())
    assert [record.message for record in caplog.records] == [
        "training has to wait, for 0.5 s at first: full",
        "training has to wait, for 4 s at first: damaged",
        "training goes on",
    ]
    assert len(slept) == 5

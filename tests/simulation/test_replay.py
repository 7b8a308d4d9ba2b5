"""What a real dispatcher recorded is played again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from seedcast.services.master.scheduling.events import JobRemoved, Tick, UnitDone
from seedcast.services.master.scheduling.recording import Recorder, Recording
from seedcast.services.master.scheduling.tuning import Tuning
from tests.master.dispatch import stub_worker
from tests.master.dispatch.stub_worker import StubWorker
from tests.master.dispatch.test_dispatcher import run, running, work
from tests.simulation.replay import replay


async def recorded() -> tuple[Recording, int]:
    """Run a batch on workers of which one misbehaves; return the recording, and the late replies."""
    faults = [stub_worker.crash, stub_worker.busy, stub_worker.reset]
    async with running(StubWorker(*faults, seconds=0.005), StubWorker(seconds=0.005)) as dispatcher:
        await dispatcher.run(work())
        await asyncio.sleep(0.1)
        return dispatcher.recording(), dispatcher.late_replies


def test_a_recording_is_answered_again_with_the_same_instructions() -> None:
    async def scenario() -> None:
        recording, late_replies = await recorded()
        again = Recording.from_json(recording.to_json())
        assert all(one.text is one.text for one in recording.events)  # written down once, however often asked for
        assert again.complete
        assert again == replace(recording, events=list(recording.events))
        assert sum(isinstance(one.event, UnitDone) for one in again.events) > 5
        lines: list[str] = []
        scheduler = replay(again, lines.append)
        assert scheduler.late_replies == late_replies
        assert sum("Send" in line for line in lines) > 5

    run(scenario())


def test_a_recording_that_was_tampered_with_is_told() -> None:
    async def scenario() -> None:
        recording, _ = await recorded()
        place = next(n for n, one in enumerate(recording.events) if isinstance(one.event, UnitDone))
        events = [*recording.events[:place], *recording.events[place + 1 :]]
        with pytest.raises(ValueError, match="instructions"):
            replay(replace(recording, events=events), lambda _: None)

    run(scenario())


def test_a_recorder_keeps_the_last_events_and_says_that_it_dropped_others() -> None:
    recorder = Recorder(Tuning(), size=3)
    for number in range(3):
        recorder.note(float(number), Tick(), 0)
    assert recorder.snapshot().complete
    recorder.note(3.0, JobRemoved(7), 0)
    kept = recorder.snapshot()
    assert [one.at for one in kept.events] == [1.0, 2.0, 3.0]
    assert not kept.complete
    lines: list[str] = []
    replay(kept, lines.append)
    assert "from before" in lines[-1]


def test_what_is_no_recording_is_refused() -> None:
    for text in ("{}", "[]", '{"complete": true, "tuning": {"no": 1}, "events": []}', "not json"):
        with pytest.raises(ValueError, match="no recording"):
            Recording.from_json(text)

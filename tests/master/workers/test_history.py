"""The fleet over time."""

from __future__ import annotations

from seedcast.services.master.fleet.worker_state import WorkerState
from seedcast.services.master.workers.history import COARSE_EVERY, FINE, FleetRecorder, FleetSample, sample
from seedcast.services.master.workers.schemas import WorkerView
from seedcast.shared.protocol import WorkerInfo


def view(
    state: WorkerState, *, in_flight: int, steps: float = 0.0, resting: float = 0.0, memory: int | None = None
) -> WorkerView:
    info = WorkerInfo(protocol=1, version="1", slots=2, cpu="a", fingerprint="b")
    return WorkerView(
        url="http://127.0.0.1:1",
        state=state,
        info=info,
        in_flight=in_flight,
        placement="",
        allowance=2,
        slowness=1.0,
        units=3,
        environment_steps=4,
        units_per_second=0.5,
        steps_per_second=steps,
        memory_bytes=memory,
        failures=1,
        last_error="",
        resting_seconds=resting,
        not_used_by=[],
    )


def at(second: float) -> FleetSample:
    return sample([], 0, second)


def test_a_sample_adds_up_the_workers_and_counts_no_queue_as_busy_slots() -> None:
    views = [
        view(WorkerState.READY, in_flight=5, steps=100.0),
        view(WorkerState.READY, in_flight=1, steps=50.0, resting=3.0),
        view(WorkerState.LOST, in_flight=0),
        view(WorkerState.DRAINING, in_flight=1, memory=700),
        view(WorkerState.READY, in_flight=0, memory=50),
    ]
    taken = sample(views, desired=4, at=7.0)
    assert (taken.ready, taken.others, taken.desired, taken.at) == (3, 2, 4, 7.0)
    assert (taken.slots, taken.busy, taken.draining, taken.set_aside, taken.failures) == (6, 4, 2, 1, 5)
    assert (taken.steps_per_second, taken.units_per_second) == (150.0, 2.5)
    assert taken.memory_bytes == 750
    assert sample(views[:3], desired=4, at=7.0).memory_bytes is None, "none of these says what it takes"


def test_an_hour_is_kept_whole_and_what_is_older_in_part() -> None:
    recorder = FleetRecorder(lambda: at(0.0))
    for second in range(FINE + 3 * COARSE_EVERY):
        recorder.add(at(second + 1.0))
    kept = [one.at for one in recorder.after(0.0).samples]
    assert kept[:3] == [1.0, 1.0 + COARSE_EVERY, 1.0 + 2 * COARSE_EVERY]
    assert kept[3:] == [3.0 * COARSE_EVERY + 1.0 + n for n in range(FINE)]


def test_a_page_that_says_what_it_has_gets_only_what_is_new() -> None:
    recorder = FleetRecorder(lambda: at(0.0))
    for second in (1.0, 2.0, 3.0):
        recorder.add(at(second))
    assert [one.at for one in recorder.after(2.0).samples] == [3.0]

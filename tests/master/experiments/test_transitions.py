"""The table of an experiment's life, under every interleaving of requests, ends, disk errors and a shutdown."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedcast.services.master.experiments.status import Status
from seedcast.services.master.experiments.transitions import (
    AT_REST,
    SETTLED,
    STORES,
    TABLE,
    Do,
    Event,
    State,
    Transitions,
)

REQUESTS = (Event.STOP, Event.PAUSE, Event.RESUME, Event.CONTINUE, Event.DELETE, Event.FORCE_DELETE)
ENDS = (Event.RUNNER_COMPLETED, Event.RUNNER_FAILED)
AT_REST_STATES = frozenset(AT_REST.values())


@dataclass
class World:
    """What surrounds a life: runners, a disk, what the disk holds, and what will happen next."""

    place: Transitions
    stored: Status
    runners: int = 0
    cancelled: bool = False
    ended: Event | None = None
    """How the present runner has come to its end, which cannot be undone."""
    storing: Status | None = None
    waits: int = 0
    ends_seen: list[Status] = field(default_factory=list)

    @classmethod
    def begin(cls, stored: Status) -> World:
        world = cls(Transitions.begin(stored), stored)
        if world.place.state is State.RUNNING:
            world.runners = 1
        return world

    def handle(self, event: Event) -> None:
        match self.place.handle(event):
            case Do.START_RUNNER:
                self.runners, self.cancelled, self.ended = self.runners + 1, False, None
            case Do.CANCEL_RUNNER:
                assert self.runners == 1
                self.cancelled = True
            case Do.STORE:
                assert self.storing is None, "two writes at once"
                self.storing = STORES[self.place.state]
            case Do.WAIT:
                self.waits += 1
        self.check()

    def possible(self, *, closing: bool) -> list[Event]:
        """What may happen now, besides requests."""
        events: list[Event] = []
        if self.runners and not self.cancelled:
            events += ENDS
        if self.runners and self.cancelled:  # it may have ended right before the cancellation reached it
            events += [Event.RUNNER_LET_GO, *ENDS]
        if self.storing is not None:
            events += [Event.STORED, Event.DISK_REFUSED]
        if self.waits:
            events.append(Event.RETRY)
        if self.place.state.settled:
            events += [Event.SHUTDOWN] if closing else REQUESTS
        return [event for event in events if event not in (*REQUESTS, Event.SHUTDOWN) or self.place.takes(event)]

    def happen(self, event: Event) -> None:
        if event in (*ENDS, Event.RUNNER_LET_GO):
            self.runners -= 1
            if event in ENDS:
                self.ended = event
        elif event is Event.STORED:
            assert self.storing is not None
            self.stored, self.storing = self.storing, None
            if self.stored is Status.PENDING:
                self.ended = None
        elif event is Event.DISK_REFUSED:
            self.storing = None
        elif event is Event.RETRY:
            self.waits -= 1
        self.handle(event)

    def check(self) -> None:
        state = self.place.state
        assert 0 <= self.runners <= 1
        if state is State.RUNNING:
            assert self.runners == 1
            assert self.stored.active or self.storing is None
        if state in AT_REST_STATES or state is State.CLOSED:
            assert self.runners == 0
            assert self.storing is None
        if state in AT_REST_STATES:
            assert AT_REST[self.stored] is state, "what is seen is what is stored"
        if self.ended is Event.RUNNER_COMPLETED and self.storing is not None:
            assert self.storing in (Status.COMPLETED, Status.DELETED, Status.PENDING), "completed stays completed"
        if self.ended is Event.RUNNER_FAILED and self.storing is not None:
            assert self.storing in (Status.FAILED, Status.DELETED, Status.PENDING)


def test_every_state_has_its_row_and_every_write_its_content() -> None:
    assert set(TABLE) == set(State)
    stored = {state for row in TABLE.values() for state, do in row.values() if do is Do.STORE}
    assert stored == set(STORES)


def test_every_state_can_be_reached_and_every_settled_one_can_be_shut_down() -> None:
    reached, waiting = set[State](), [Transitions.begin(status).state for status in Status]
    while waiting:
        state = waiting.pop()
        if state not in reached:
            reached.add(state)
            waiting += [following for following, _ in TABLE[state].values() if following is not None]
    assert reached == set(State)
    final = {State.DELETED, State.CLOSED}
    assert all(Event.SHUTDOWN in TABLE[state] for state in SETTLED - final)


@pytest.mark.parametrize("state", sorted(set(State) - SETTLED))
def test_what_is_under_way_is_not_overtaken_by_a_request(state: State) -> None:
    assert not set(TABLE[state]) & {*REQUESTS, Event.SHUTDOWN}


@settings(max_examples=500)
@given(st.data())
def test_there_is_one_runner_at_most_and_one_legal_end_whatever_happens_when(data: st.DataObject) -> None:
    begun = data.draw(st.sampled_from([status for status in Status if status is not Status.DELETED]))
    world = World.begin(begun)
    for _ in range(data.draw(st.integers(0, 30))):
        if not (events := world.possible(closing=False)):
            break
        world.happen(data.draw(st.sampled_from(events)))
    for _ in range(100):
        if world.place.state in (State.CLOSED, State.DELETED):
            break
        events = world.possible(closing=True)
        assert events, f"stuck in {world.place.state}"
        shutdown = Event.SHUTDOWN in events
        world.happen(Event.SHUTDOWN if shutdown else data.draw(st.sampled_from(events)))
    else:
        pytest.fail(f"not closed: {world.place.state}")
    assert world.runners == 0
    if world.ended is Event.RUNNER_COMPLETED:
        assert world.stored is Status.COMPLETED or world.stored.active or world.stored is Status.DELETED


def test_an_event_that_cannot_happen_is_an_error() -> None:
    with pytest.raises(LookupError, match="resume in the state running"):
        Transitions.begin(Status.RUNNING).handle(Event.RESUME)

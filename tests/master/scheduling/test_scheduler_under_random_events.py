"""The scheduler under random events, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from seedcast.services.master.scheduling.instructions import Send
from seedcast.shared.protocol import Failure
from tests.master.scheduling.driver import Driver, Outcome
from tests.master.scheduling.invariants import check_places
from tests.master.scheduling.test_scheduler import LIMITS, crash


class Simulation:
    """A scheduler driven by random events, and a count of how often each rollout was settled."""

    def __init__(self, rollouts: int, slots: int) -> None:
        self.scheduler = Driver(LIMITS)
        self.job = self.scheduler.add_job("a", rollouts)
        self.settled: Counter[int] = Counter()
        self.slots = slots
        self.now = 0.0
        self._out: list[Send] = []
        self._gone: list[Send] = []
        for name in range(3):
            self.up(name)

    def up(self, index: int) -> None:
        self.scheduler.worker_up(f"w{index % 3}", self.slots)

    def drain(self, index: int) -> None:
        self.scheduler.worker_up(f"w{index % 3}", 0)

    def down(self, index: int) -> None:
        for outcome in self.scheduler.worker_down(f"w{index % 3}", forget=index > 3):
            self.apply(outcome)

    def clock(self, index: int) -> None:
        self.now += 0.05 * 2**index
        self.scheduler.tick(self.now)

    def done(self, index: int, failures: Sequence[Failure] = ()) -> None:
        if self._out:
            send = self._out.pop(index % len(self._out))
            self._gone.append(send)
            self.reply(send, failures)

    def reply(self, send: Send, failures: Sequence[Failure] = ()) -> None:
        self.apply(self.scheduler.unit_done(send.unit, 0.05 * len(send.rollouts), failures))

    def apply(self, outcome: Outcome) -> None:
        self.settled.update(outcome.counted)
        self.settled.update(list(outcome.given_up))
        assert not set(outcome.counted) & set(outcome.given_up)
        self.check()

    def fail(self, index: int) -> None:
        self.done(index, [crash(0)])

    def lost(self, index: int) -> None:
        if self._out:
            self.apply(self.scheduler.unit_lost(self._out[index % len(self._out)].unit))

    def refused(self, index: int) -> None:
        if self._out:
            self.apply(self.scheduler.unit_refused(self._out.pop(index % len(self._out)).unit, 1.0))

    def late(self, index: int) -> None:
        if self._gone:
            self.reply(self._gone[index % len(self._gone)])

    def send(self) -> None:
        self._out += self.scheduler.assign()
        self.check()

    def check(self) -> None:
        check_places(self.scheduler.scheduler, self.job)


KINDS = ["done", "done", "fail", "lost", "late", "refused", "down", "drain", "up", "clock"]
EVENTS = st.tuples(st.sampled_from(KINDS), st.integers(0, 7))


@settings(max_examples=200)
@given(events=st.lists(EVENTS, max_size=300), rollouts=st.integers(1, 60), slots=st.integers(1, 4))
def test_whatever_happens_every_rollout_is_settled_exactly_once(
    events: list[tuple[str, int]], rollouts: int, slots: int
) -> None:
    simulation = Simulation(rollouts, slots)
    simulation.send()
    for event, index in events:
        getattr(simulation, event)(index)
        simulation.send()
    simulation.up(0)  # from here on all goes well
    for _ in range(10_000):
        simulation.clock(0)
        simulation.send()
        if simulation.scheduler.finished(simulation.job):
            break
        simulation.done(0)
    assert simulation.settled == Counter(range(rollouts))

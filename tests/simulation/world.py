"""A world for the scheduler: workers with slots and queues, a network, a clock that jumps between events.

The world keeps its own account of what each rollout came to. It knows nothing of how the scheduler decides.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from seedcast.services.master.scheduling.instructions import Send
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.protocol import Failure
from tests.master.scheduling.driver import Driver, Outcome
from tests.master.scheduling.invariants import check_places

BEAT_SECONDS = 0.1
TIMEOUT_SECONDS = 60.0
"""After so long without a reply the master gives a request up."""

CHECK_EVERY = 97
"""Events between two looks at the scheduler's books; a prime, so that it falls on all kinds of them."""


@dataclass
class Work:
    """A unit at a worker."""

    send: Send
    open: int = 0
    """Parts that are not done yet."""
    busy_seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Part:
    """What one slot does of a unit."""

    work: Work
    rollouts: range


@dataclass
class VirtualWorker:
    """A worker: what it computes, what waits in it, and how it misbehaves."""

    name: str
    slots: int
    queue_limit: int
    slowness: float = 1.0
    up: bool = True
    hung_until: float = 0.0
    """Until then replies stay inside."""
    running: set[Part] = field(default_factory=set)
    queue: deque[Part] = field(default_factory=deque)
    life: int = 0
    """Counts restarts: what an earlier life was computing is gone."""


@dataclass
class VirtualJob:
    """A batch: how long each rollout takes the median worker, and which ones kill their slot."""

    number: int
    seconds: list[float]
    poison: frozenset[int]
    started: float
    settled: Counter[int] = field(default_factory=Counter)
    given_up: dict[int, Failure] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    """Slots killed, by the poison that killed them."""
    unheard: Counter[int] = field(default_factory=Counter)
    """Units with a rollout in them whose reply never reached the master in time."""
    computed: Counter[int] = field(default_factory=Counter)
    """How often each rollout was begun."""
    ended: float | None = None
    hopeless: bool = False


class World:
    """Workers, jobs, a scheduler, and the time."""

    def __init__(
        self,
        tuning: Tuning | None = None,
        latency: Callable[[], float] = lambda: 0.002,
        request_seconds: float = 0.0,
    ) -> None:
        """``request_seconds`` is what each request costs the master, which makes them one after another."""
        self.scheduler = Driver(tuning)
        self._request_seconds = request_seconds
        self._master_free = 0.0
        self.now = 0.0
        self.workers: dict[str, VirtualWorker] = {}
        self.jobs: dict[int, VirtualJob] = {}
        self.log: Callable[[str], None] = lambda _: None
        self.planned = 0
        """Jobs still to come."""
        self.events = 0
        self.requests = 0
        self.lost_replies = 0
        """Replies that never reached the master, by faults."""
        self.reply_fault: Callable[[Send], str] = lambda _: ""
        """"" or one of: lost, twice."""
        self.send_fault: Callable[[Send], str] = lambda _: ""
        """"" or one of: unreachable, busy."""
        self._latency = latency
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._cancelled: set[int] = set()
        self._open: dict[int, Send] = {}
        """Units the master waits for."""

    # Time

    def at(self, time: float, event: Callable[[], object]) -> None:
        """Have something happen at a time."""
        heapq.heappush(self._agenda, (time, next(self._numbers), event))

    def after(self, seconds: float, event: Callable[[], object]) -> None:
        """Have something happen in a while."""
        self.at(self.now + seconds, event)

    def run(self, until: float, most_events: int = 2_000_000) -> None:
        """Let time pass until all jobs have ended, or until a time."""
        self._beat()
        while self._agenda and self.now < until and self.busy:
            self.now, _, event = heapq.heappop(self._agenda)
            self.events += 1
            assert self.events < most_events, "it goes on for ever"
            self.scheduler.tick(self.now)
            event()
            self._assign()
            if self.events % CHECK_EVERY == 0:
                self._check()

    def _check(self) -> None:
        for job in self.jobs.values():
            if job.ended is None:
                check_places(self.scheduler.scheduler, job.number)

    @property
    def busy(self) -> bool:
        """Whether any job runs, or is still to come."""
        return self.planned > 0 or any(job.ended is None for job in self.jobs.values())

    def _beat(self) -> None:
        self.after(BEAT_SECONDS, self._beat)

    # The master's side

    def add_job(
        self,
        experiment: str,
        seconds: list[float],
        poison: frozenset[int] = frozenset(),
        *,
        background: bool = False,
    ) -> int:
        """Have the master run a batch."""
        number = self.scheduler.add_job(experiment, len(seconds), background=background)
        self.jobs[number] = VirtualJob(number, seconds, poison, self.now)
        self._assign()
        return number

    def join(self, name: str, slots: int, slowness: float = 1.0, queue: int | None = None) -> VirtualWorker:
        """Have a worker come up, again or for the first time."""
        queue = 2 * slots if queue is None else queue
        worker = self.workers.setdefault(name, VirtualWorker(name, slots, queue, slowness))
        worker.slots, worker.slowness, worker.up, worker.hung_until = slots, slowness, True, 0.0
        worker.queue_limit = queue
        self.log(f"{name} is up with {slots} slots, {slowness:g} times as slow")
        self.scheduler.worker_up(name, slots, queue=queue)
        return worker

    def crash(self, name: str, notice_seconds: float) -> None:
        """Kill a worker; the master notices later, by broken connections and by its probes."""
        worker = self.workers[name]
        units = {part.work.send.unit: part.work.send for part in (*worker.running, *worker.queue)}
        worker.up, worker.life = False, worker.life + 1
        worker.running.clear()
        worker.queue.clear()
        self.log(f"{name} is killed with {len(units)} units")
        for _, send in sorted(units.items()):
            self.lost_replies += 1
            self.after(self._latency(), partial(self._lose, send))
        self.after(notice_seconds, partial(self._notice, worker))

    def _notice(self, worker: VirtualWorker) -> None:
        if not worker.up:
            self._down(worker.name, forget=False)

    def vanish(self, name: str) -> None:
        """Take a worker out of discovery: it finishes what it has and gets nothing more."""
        self.log(f"{name} drains")
        self.scheduler.worker_up(name, 0)

    def _down(self, name: str, *, forget: bool) -> None:
        self.log(f"{name} is down")
        for send in self._open.values():
            if send.worker == name and send.job in self.jobs:
                self.jobs[send.job].unheard.update(send.rollouts)
        for outcome in self.scheduler.worker_down(name, forget=forget):
            self._apply(outcome)

    def _assign(self) -> None:
        for send in self.scheduler.assign():
            self.requests += 1
            self._open[send.unit] = send
            self.log(f"unit {send.unit}: job {send.job} {send.rollouts} → {send.worker}{' (hedge)' * send.hedge}")
            fault = self.send_fault(send)
            if fault or not self.workers[send.worker].up:
                rest = 1.0 if fault == "busy" else 0.0
                self.after(self._latency(), partial(self._refuse, send, rest))
                continue
            self._master_free = max(self._master_free, self.now) + self._request_seconds
            self.at(self._master_free + self._latency(), partial(self._arrive, send))
            self.after(TIMEOUT_SECONDS, partial(self._lose, send))

    def _refuse(self, send: Send, rest: float) -> None:
        if send.unit in self._open:
            self._open.pop(send.unit, None)
            self.log(f"unit {send.unit} is refused")
            self._apply(self.scheduler.unit_refused(send.unit, rest))
            if not self.workers[send.worker].up:
                self._down(send.worker, forget=False)

    def _lose(self, send: Send) -> None:
        if send.unit in self._open and send.job in self.jobs:
            self._open.pop(send.unit, None)
            self.log(f"unit {send.unit} is lost")
            self.jobs[send.job].unheard.update(send.rollouts)
            self._apply(self.scheduler.unit_lost(send.unit))

    def _reply(self, send: Send, busy_seconds: float, failures: list[Failure]) -> None:
        self._open.pop(send.unit, None)
        if send.unit in self._cancelled or self.jobs[send.job].ended is not None:
            return
        self.log(f"unit {send.unit} is answered{', failed' * bool(failures)}")
        self._apply(self.scheduler.unit_done(send.unit, busy_seconds, failures))

    def _apply(self, outcome: Outcome) -> None:
        if outcome.job is None:
            return
        job = self.jobs[outcome.job]
        job.settled.update(outcome.counted)
        job.settled.update(list(outcome.given_up))
        job.given_up |= outcome.given_up
        for unit in outcome.cancel:
            self._cancelled.add(unit)
            self.after(self._latency(), partial(self._stop, unit))
        if outcome.complete or outcome.hopeless:
            job.ended, job.hopeless = self.now, outcome.hopeless is not None
            self._master_free = self.now  # what it has not sent yet is cancelled
            for unit in self.scheduler.remove_job(job.number):
                self._cancelled.add(unit)
                self.after(self._latency(), partial(self._stop, unit))

    # The workers' side

    def _arrive(self, send: Send) -> None:
        worker = self.workers[send.worker]
        if send.unit in self._cancelled:
            return
        if not worker.up:
            self._lose(send)
        elif len(worker.running) + len(worker.queue) + send.slots <= worker.slots + worker.queue_limit:
            worker.queue.extend(_parts(send))
            self._fill(worker)
        else:
            self.after(self._latency(), partial(self._refuse, send, 1.0))

    def _fill(self, worker: VirtualWorker) -> None:
        while worker.queue and worker.up and len(worker.running) < worker.slots:
            self._start(worker, worker.queue.popleft())

    def _start(self, worker: VirtualWorker, part: Part) -> None:
        job = self.jobs[part.work.send.job]
        worker.running.add(part)
        job.computed.update(part.rollouts)
        killer = next((rollout for rollout in part.rollouts if rollout in job.poison), None)
        stop = part.rollouts.stop if killer is None else killer + 1
        busy = worker.slowness * sum(job.seconds[part.rollouts.start : stop])
        self.after(busy, partial(self._end, worker, worker.life, part, busy, killer))

    def _end(self, worker: VirtualWorker, life: int, part: Part, busy: float, killer: int | None) -> None:
        if worker.life != life or part not in worker.running:
            return
        worker.running.remove(part)
        work, send = part.work, part.work.send
        work.open -= 1
        work.busy_seconds += busy
        if killer is not None:
            self.jobs[send.job].deaths[killer] += 1
            places = [rollout - send.rollouts.start for rollout in part.rollouts]
            work.failures.append(Failure(kind="crash", message="segfault", rollouts=places))
        self._fill(worker)
        if not work.open:
            self._answer(worker, work)

    def _answer(self, worker: VirtualWorker, work: Work) -> None:
        send = work.send
        fault = self.reply_fault(send)
        held = max(0.0, worker.hung_until - self.now)
        if fault == "lost":
            self.lost_replies += 1
            self.after(self._latency(), partial(self._lose, send))
            return
        for _ in range(2 if fault == "twice" else 1):
            self.after(held + self._latency(), partial(self._reply, send, work.busy_seconds, work.failures))

    def _stop(self, unit: int) -> None:
        for worker in self.workers.values():
            worker.running = {part for part in worker.running if part.work.send.unit != unit}
            worker.queue = deque(part for part in worker.queue if part.work.send.unit != unit)
            self._fill(worker)


def _parts(send: Send) -> list[Part]:
    """Split a unit as a worker does."""
    size, work = len(send.rollouts), Work(send, open=send.slots)
    bounds = [index * size // send.slots for index in range(send.slots + 1)]
    return [Part(work, send.rollouts[start:stop]) for start, stop in itertools.pairwise(bounds)]

"""The fleet: which workers there are, probed every second, and what is known of each."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from seedcast.services.master.fleet.discovery import Discovery
from seedcast.services.master.fleet.idle_clock import IdleClock
from seedcast.services.master.fleet.worker import Worker
from seedcast.services.master.fleet.worker_client import WorkerClient, WorkerLost
from seedcast.services.master.fleet.worker_state import Seen, WorkerState, next_state
from seedcast.shared.errors import Busy, InvalidInput, ProtocolMismatch

PROBE_INTERVAL_SECONDS = 1.0
EAGER_INTERVAL_SECONDS, EAGER_WORKERS = 0.2, 16
"""While none is ready, and there are no more than so many: all that there is waits for the first one."""
MISSED_PROBES = 3
"""A worker that misses so many in a row is lost. One that takes no connection is lost at once."""

NO_LONGER_DISCOVERED = "no longer discovered"

log = logging.getLogger(__name__)


SlotsListener = Callable[[str, int | None], None]
"""Told a worker's URL and its usable slots, None when it is gone."""


class Fleet:
    """Finds workers, probes them, and tells a listener how many slots each has."""

    def __init__(self, discovery: Discovery, connect: Callable[[str], WorkerClient] = WorkerClient) -> None:
        self._discovery = discovery
        self._connect = connect
        self._listener: SlotsListener = lambda _url, _slots: None
        self._ready = asyncio.Event()
        self._idle: dict[str | None, IdleClock] = {}
        """Without a ready worker, by fingerprint: each from when it was first asked for. None: without any."""
        self._closing: set[asyncio.Task[None]] = set()
        self._probes: dict[str, asyncio.Task[None]] = {}
        """Under way, by URL: one that takes its time holds up no other."""
        self.workers: dict[str, Worker] = {}

    def listen(self, listener: SlotsListener) -> None:
        """Have ``listener`` told of every change of capacity."""
        self._listener = listener

    @property
    def slots_per_worker(self) -> int | None:
        """How many slots the workers that have told have each (the median), or None."""
        told = [worker.info.slots for worker in self.workers.values() if worker.info is not None]
        return statistics.median_high(told) if told else None

    @property
    def ready(self) -> list[Worker]:
        """The workers that take units."""
        return [worker for worker in self.workers.values() if worker.state is WorkerState.READY]

    def ready_with(self, fingerprint: str | None) -> list[Worker]:
        """Return the workers with this fingerprint that take units; None: with any."""
        return [worker for worker in self.ready if fingerprint in (None, worker.fingerprint)]

    def commonest_fingerprint(self, needs: str) -> str | None:
        """Return the fingerprint with the most slots among workers that offer what is needed; None: none does."""
        slots: Counter[str] = Counter()
        for worker in self.ready:
            if worker.info and needs in worker.offers:
                slots[worker.fingerprint] += worker.info.slots
        return min(slots, key=lambda fingerprint: (-slots[fingerprint], fingerprint), default=None)

    def idle_seconds(self, fingerprint: str | None = None) -> float:
        """Return how long there has been no ready worker (with this fingerprint), counted from the first call."""
        now = time.monotonic()
        if fingerprint not in self._idle:
            self._idle[fingerprint] = IdleClock(now, idle=not self.ready_with(fingerprint))
        return self._idle[fingerprint].seconds(now)

    async def wait_until_ready(self) -> None:
        """Wait for the first ready worker."""
        await self._ready.wait()

    async def run(self) -> None:
        """Discover and probe until cancelled."""
        try:
            while True:
                try:
                    await self._discover()
                except Exception:  # whatever it is, the fleet must go on being watched
                    log.exception("discovery failed")
                await self._probe_all()
        finally:
            for probe in self._probes.values():
                probe.cancel()
            await asyncio.gather(*(worker.client.close() for worker in self.workers.values()))

    def lose(self, worker: Worker, reason: str) -> None:
        """Take a worker that cannot be reached out of use until it answers again."""
        worker.failures += 1
        self._saw(worker, Seen.SILENT, reason)

    async def _discover(self) -> None:
        urls = await self._discovery.urls()
        for url in urls:
            worker = self.workers.get(url)
            if worker is None:
                self.workers[url] = Worker(url, self._connect(url))
            else:
                worker.discovered = True
        for url in set(self.workers) - set(urls):
            self._take_leave_of(self.workers[url])

    def _take_leave_of(self, worker: Worker) -> None:
        """Let a worker that has vanished from discovery finish what it has, if it still can; then forget it.

        A pod that shuts down leaves its Service's addresses at once, while its units run on.
        """
        worker.discovered = False
        if worker.in_flight and worker.state in (WorkerState.READY, WorkerState.DRAINING):
            self._saw(worker, Seen.UNREADY, NO_LONGER_DISCOVERED)
            return
        del self.workers[worker.url]
        if worker.state is WorkerState.READY:
            self._move(worker, WorkerState.DRAINING, NO_LONGER_DISCOVERED)
        if worker.state is WorkerState.DRAINING:
            self._move(worker, WorkerState.GONE, "it has nothing left to do")
        self._tell(worker, None)
        closing = asyncio.create_task(worker.client.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _probe_all(self) -> None:
        """Probe every worker once within an interval, the ready ones one after another: many at once are a lag."""
        loop = asyncio.get_running_loop()
        begun, ready = loop.time(), self.ready
        interval = probe_interval(len(self.workers), bool(ready))
        for worker in self.workers.values():
            if worker.state is not WorkerState.READY:
                self._begin_probe(worker)
        for number, worker in enumerate(ready):
            await asyncio.sleep(begun + interval * number / len(ready) - loop.time())
            self._begin_probe(worker)
        await asyncio.sleep(begun + interval - loop.time())

    def _begin_probe(self, worker: Worker) -> None:
        heard = asyncio.get_running_loop().time() - worker.heard < PROBE_INTERVAL_SECONDS
        well = heard and worker.state is WorkerState.READY and not worker.doubtful
        if worker.url in self._probes or well:
            return  # an answered unit says as much as a probe
        self._probes[worker.url] = probe = asyncio.create_task(self._probe(worker))
        probe.add_done_callback(partial(self._end_probe, worker.url))

    def _end_probe(self, url: str, probe: asyncio.Task[None]) -> None:
        del self._probes[url]
        if not probe.cancelled() and (error := probe.exception()):
            log.error("a probe of %s failed", url, exc_info=error)

    async def _probe(self, worker: Worker) -> None:
        before, begun = worker.info, asyncio.get_running_loop().time()
        try:
            if worker.state is not WorkerState.READY or worker.info is None or worker.doubtful:
                worker.doubtful = False
                worker.info = await worker.client.info()
            ready = await worker.client.ready()
        except ProtocolMismatch as error:
            worker.info = None
            self._saw(worker, Seen.STRANGE, str(error))
            return
        except (WorkerLost, Busy, InvalidInput) as error:
            if worker.state is WorkerState.READY and worker.heard > begun:
                return  # it has answered a unit meanwhile; it is this master that is slow
            worker.missed += 1
            if worker.state is not WorkerState.READY or worker.missed >= MISSED_PROBES:
                self._saw(worker, Seen.SILENT, str(error))
            return
        worker.missed = 0
        seen = Seen.READY if ready and worker.discovered else Seen.UNREADY
        self._saw(worker, seen, "", anew=worker.info != before)

    def _saw(self, worker: Worker, seen: Seen, reason: str, *, anew: bool = False) -> None:
        """Have something seen of a worker count; ``anew``: it describes itself in another way than before."""
        worker.last_error = reason or worker.last_error
        if self.workers.get(worker.url) is not worker:
            return  # a late word of one that vanished, whose address may be another's by now
        state = next_state(worker.state, seen)
        if anew or state is not WorkerState.READY:
            worker.forget_told()
        if state is not worker.state:
            self._move(worker, state, reason)
        elif anew:
            log.info("worker %s: another one answers there, and is %s", worker.url, state)
        else:
            return
        self._tell(worker, _usable_slots(worker))

    def _move(self, worker: Worker, state: WorkerState, reason: str) -> None:
        log.info("worker %s: %s → %s %s", worker.url, worker.state, state, reason)
        worker.state = state

    def _tell(self, worker: Worker, slots: int | None) -> None:
        self._listener(worker.url, slots)
        self._note_readiness()

    def _note_readiness(self) -> None:
        if self.ready:
            self._ready.set()
        else:
            self._ready.clear()
        for fingerprint, clock in self._idle.items():
            clock.note(time.monotonic(), idle=not self.ready_with(fingerprint))


def probe_interval(workers: int, some_ready: bool) -> float:
    """Return after how many seconds so many workers are probed again."""
    return EAGER_INTERVAL_SECONDS if 0 < workers <= EAGER_WORKERS and not some_ready else PROBE_INTERVAL_SECONDS


def _usable_slots(worker: Worker) -> int | None:
    """Return how many slots take units now; None where the worker is away, with all that it had."""
    if worker.state in (WorkerState.GONE, WorkerState.LOST, WorkerState.REFUSED):
        return None
    return worker.info.slots if worker.info and worker.state is WorkerState.READY else 0

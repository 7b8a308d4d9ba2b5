"""The dispatcher performs what the ledger decides: it encodes units, sends them, and files the replies."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from services.master.dispatch.batch import Batch, BatchFailed, BatchResult
from services.master.dispatch.request_cost import RequestCost
from services.master.fleet.fleet import Fleet, Worker
from services.master.fleet.worker_client import NoConnection, Unreachable, WorkerLost
from services.master.scheduling.instructions import Limits, Outcome, Send
from services.master.scheduling.pool_worker import PoolWorker
from services.master.scheduling.scheduler import Scheduler
from shared.errors import Busy, InvalidInput, SeedcastError
from shared.protocol import UnitResult

REPLY_MARGIN_SECONDS = 30.0
"""Beyond the deadlines of a unit and of whatever it may wait for in the worker: the network, and a new slot."""

UNIT_SHARE_OF_TIMEOUT = 0.5
"""Units are planned for so much of a rollout's timeout, which a whole unit has to keep."""

NO_CONNECTION_REST_SECONDS = 1.0
"""For so long a worker gets nothing that could not be connected to in time. The probes tell whether it is lost."""

MOST_UNIT_BYTES = 128 * 2**20
"""A unit with its members written out takes no more, unless one member does: half of what a worker accepts."""

SMALL_REPLY_BYTES = 65_536
"""Up to here to decode a reply takes less than to hand it to a thread."""

BEAT_SECONDS = 0.1
"""How often the ledger is told the time while there is work, and may hedge."""

log = logging.getLogger(__name__)


@dataclass
class _Job:
    batch: Batch
    result: BatchResult
    finished: asyncio.Future[BatchResult]

    def fail(self, reason: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(BatchFailed(reason))


class Dispatcher:
    """Runs batches on the fleet, many at once."""

    def __init__(self, fleet: Fleet, limits: Limits | None = None, cost: RequestCost | None = None) -> None:
        self._fleet = fleet
        self._cost = cost or RequestCost()
        self._ledger = Scheduler(limits)
        self._jobs: dict[int, _Job] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """The requests under way, by unit."""
        self._heart: asyncio.Task[None] | None = None
        self._unequal_duplicates = 0
        fleet.listen(self._capacity_changed)

    async def run(self, batch: Batch) -> BatchResult:
        """Roll a batch out. Cancelling gives it up.

        Raises:
            BatchFailed: its first rollouts all fail, on every worker.
        """
        number = self._ledger.add_job(
            batch.experiment,
            len(batch),
            background=batch.background,
            most_seconds=UNIT_SHARE_OF_TIMEOUT * _deadline(batch),
            most_rollouts=batch.most_rollouts(MOST_UNIT_BYTES),
            kind=batch.fingerprint,
        )
        job = _Job(batch, BatchResult.empty(len(batch)), asyncio.get_running_loop().create_future())
        self._jobs[number] = job
        if self._heart is None or self._heart.done():
            self._heart = asyncio.create_task(self._beat())
        try:
            self._send()
            return await job.finished
        finally:
            del self._jobs[number]
            self._cancel(self._ledger.remove_job(number))
            self._send()

    def progress(self, experiment: str) -> tuple[int, int] | None:
        """Return (rollouts settled, rollouts) of an experiment's training batch, if one is running."""
        for number, job in self._jobs.items():
            if job.batch.experiment == experiment and not job.batch.background:
                return self._ledger.done(number), len(job.batch)
        return None

    def standing(self, url: str) -> PoolWorker | None:
        """Return how a worker stands (units in flight, pace, whether it is set aside), to be looked at only."""
        return self._ledger.worker(url)

    @property
    def late_replies(self) -> int:
        """Replies that came after their rollouts had been settled by others."""
        return self._ledger.late_replies

    @property
    def hedges(self) -> int:
        """Units sent to a second worker because the first took too long."""
        return self._ledger.hedges

    @property
    def unequal_duplicates(self) -> int:
        """Late replies that differ from the one that counted: equal work with unequal bits."""
        return self._unequal_duplicates

    def idle_seconds(self, fingerprint: str | None) -> float:
        """Return how long in all there has been no worker (with this fingerprint) to send anything to."""
        return self._fleet.idle_seconds(fingerprint)

    async def close(self) -> None:
        """Drop all requests under way."""
        tasks = [*self._tasks.values(), *([self._heart] if self._heart else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _beat(self) -> None:
        """Tell the ledger the time while there is work."""
        while self._jobs:
            self._send()
            await asyncio.sleep(BEAT_SECONDS)

    def _tick(self) -> None:
        self._ledger.tick(asyncio.get_running_loop().time())
        if cost := self._cost.look():
            self._ledger.requests_cost(cost)

    def _capacity_changed(self, url: str, slots: int | None) -> None:
        self._tick()
        if slots is None:
            for outcome in self._ledger.worker_down(url, forget=url not in self._fleet.workers):
                self._apply(outcome)
        else:
            worker = self._fleet.workers[url]
            self._ledger.worker_up(url, slots, worker.fingerprint, worker.info.queue if worker.info else None)
        self._send()

    def _send(self) -> None:
        self._tick()
        for send in self._ledger.assign():
            perform = self._perform(send, self._jobs[send.job], self._fleet.workers[send.worker])
            self._tasks[send.unit] = task = asyncio.create_task(perform)
            task.add_done_callback(partial(self._forget, send.unit))

    def _forget(self, unit: int, _: asyncio.Task[None]) -> None:
        del self._tasks[unit]

    def _cancel(self, units: Iterable[int]) -> None:
        """Close the connections of units that nobody needs any more, so that their workers' slots are free."""
        for unit in units:
            if task := self._tasks.get(unit):
                task.cancel()

    async def _perform(self, send: Send, job: _Job, worker: Worker) -> None:
        worker.in_flight += 1
        try:
            result = await self._request(job.batch, send, worker)
        except Busy as busy:
            worker.failed(busy)
            self._refused(send, busy.retry_after)
        except NoConnection as error:
            worker.failed(error)
            self._refused(send, NO_CONNECTION_REST_SECONDS)
        except Unreachable as error:
            self._refused(send)
            self._fleet.lose(worker, str(error))
        except WorkerLost as error:
            self._lost(send, worker, error)
        except InvalidInput as refusal:
            message = f"{worker.url} refuses the unit: {refusal}"
            self._file(send, job, worker, UnitResult.failed(len(send.rollouts), "exception", message))
        except Exception as error:
            log.exception("a unit for %s failed in the master", worker.url)
            self._ledger.unit_lost(send.unit)
            job.fail(f"{type(error).__name__}: {error}")
        else:
            self._file(send, job, worker, result)
        finally:
            worker.in_flight -= 1
        self._send()

    async def _request(self, batch: Batch, send: Send, worker: Worker) -> UnitResult:
        deadline = _deadline(batch)
        timeout = deadline + max(worker.deadlines, default=0.0) + REPLY_MARGIN_SECONDS
        worker.deadlines.append(deadline)
        try:
            frame, seconds = await asyncio.to_thread(_encode, batch, send.rollouts)
            self._cost.count(seconds)
            reply = await worker.client.rollouts(frame, timeout, send.slots)
        finally:
            worker.deadlines.remove(deadline)
        try:
            if len(reply) <= SMALL_REPLY_BYTES:
                return UnitResult.from_frame(reply, len(send.rollouts))
            return await asyncio.to_thread(UnitResult.from_frame, reply, len(send.rollouts))
        except InvalidInput as error:
            raise WorkerLost(f"its reply is no result: {error}") from error

    def _lost(self, send: Send, worker: Worker, error: SeedcastError) -> None:
        worker.failures += 1
        worker.failed(error)
        self._tick()
        self._apply(self._ledger.unit_lost(send.unit))

    def _refused(self, send: Send, rest_seconds: float = 0.0) -> None:
        self._tick()
        self._apply(self._ledger.unit_refused(send.unit, rest_seconds))

    def _file(self, send: Send, job: _Job, worker: Worker, result: UnitResult) -> None:
        worker.answered(result)
        self._tick()
        outcome = self._ledger.unit_done(send.unit, result.busy_seconds, result.failures)
        self._compare(send, job, worker, result)
        job.result.store(send.rollouts, result, outcome.counted)
        if outcome.counted:
            job.result.fingerprints.add(worker.fingerprint)
        self._apply(outcome)

    def _apply(self, outcome: Outcome) -> None:
        """Do what an outcome asks for, and finish its job if that was the last of it, or if there is no hope."""
        self._cancel(outcome.cancel)
        job = self._jobs.get(outcome.job) if outcome.job is not None else None
        if job is None:
            return
        job.result.retried += outcome.retried
        job.result.failures.update(outcome.given_up)
        if outcome.hopeless is not None:
            job.fail(f"{outcome.hopeless.kind}: {outcome.hopeless.message}")
        elif outcome.complete and not job.finished.done():
            job.finished.set_result(job.result)

    def _compare(self, send: Send, job: _Job, worker: Worker, result: UnitResult) -> None:
        """Look whether what is here already of a unit has the bits of its reply."""
        there = job.result.returns[send.rollouts.start : send.rollouts.stop]
        both = np.isfinite(there) & np.isfinite(result.returns)
        if not np.array_equal(there[both], result.returns[both]):
            self._unequal_duplicates += 1
            log.error("%s answers rollouts %s with other bits than another worker", worker.url, send.rollouts)


def _encode(batch: Batch, rollouts: range) -> tuple[bytes, float]:
    """Return the frame of a unit, and the CPU time that it took."""
    begun = time.thread_time()
    return batch.unit(rollouts).to_frame(), time.thread_time() - begun


def _deadline(batch: Batch) -> float:
    """Return the seconds that a worker gives a unit of a batch."""
    return batch.header.environment.rollout_timeout_seconds

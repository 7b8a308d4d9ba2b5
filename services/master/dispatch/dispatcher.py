"""The dispatcher performs what the scheduler decides: it encodes units, sends them, and files the replies."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.dispatch.batch import Batch, BatchFailed, BatchResult
from seedcast.services.master.dispatch.request_cost import RequestCost
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import ROLLOUTS, Worker
from seedcast.services.master.fleet.worker_client import NoConnection, Unreachable, WorkerLost
from seedcast.services.master.scheduling import events as ev
from seedcast.services.master.scheduling.instructions import Cancel, Fail, Finish, Instruction, Send, Settle
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.recording import Recorder, Recording
from seedcast.services.master.scheduling.scheduler import Scheduler
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.errors import Busy, InvalidInput
from seedcast.shared.logs import of_experiment
from seedcast.shared.protocol import UnitResult
from seedcast.shared.protocol.members import member_arrays

REPLY_MARGIN_SECONDS = 30.0
"""Beyond the deadlines of a unit and of whatever it may wait for in the worker: the network, and a new slot."""

MOST_UNIT_BYTES = 128 * 2**20
"""A unit with its members written out takes no more, unless one member does: half of what a worker accepts."""

SMALL_BYTES = 65_536
"""Up to here to encode a unit or to decode a reply takes less than to hand it to a thread."""

BEGUN_AT_ONCE = 8
"""Requests that begin before the event loop looks at its connections again: hundreds may be to begin together."""

ENGINE_LANES = 16
"""An engine steps so many episodes at once, or more, where it has them. Evaluations come one after the other."""

BEAT_SECONDS = 0.1
"""How often the scheduler is told the time while there is work, and may hedge."""

log = logging.getLogger(__name__)


@dataclass
class _Job:
    batch: Batch
    result: BatchResult
    finished: asyncio.Future[BatchResult]

    def fail(self, reason: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(BatchFailed(reason))


@dataclass(frozen=True)
class _Reply:
    """What a worker answered."""

    send: Send
    worker: Worker
    result: UnitResult


class Dispatcher:
    """Runs batches on the fleet, many at once."""

    def __init__(self, fleet: Fleet, tuning: Tuning | None = None, cost: RequestCost | None = None) -> None:
        self._fleet = fleet
        self._cost = cost or RequestCost()
        self._tuning = tuning or Tuning()
        self._scheduler = Scheduler(self._tuning)
        self._recorder = Recorder(self._tuning)
        self._numbers = itertools.count()
        self._jobs: dict[int, _Job] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """The requests under way, by unit."""
        self._beginning = asyncio.Semaphore(BEGUN_AT_ONCE)
        self._heart: asyncio.Task[None] | None = None
        self.hedges = 0
        """Units sent to a second worker because the first took too long."""
        self.unequal_duplicates = 0
        """Late replies that differ from the one that counted: equal work with unequal bits."""
        fleet.listen(self._slots_changed)

    async def run(self, batch: Batch) -> BatchResult:
        """Roll a batch out. Cancelling gives it up.

        Raises:
            BatchFailed: its first rollouts all fail, on every worker.
        """
        number = next(self._numbers)
        job = _Job(batch, BatchResult.empty(len(batch)), asyncio.get_running_loop().create_future())
        self._jobs[number] = job
        if self._heart is None or self._heart.done():
            self._heart = asyncio.create_task(self._beat())
        try:
            self._tell(
                ev.JobAdded(
                    number,
                    batch.experiment,
                    len(batch),
                    background=batch.background,
                    most_seconds=self._tuning.timeout_share * batch.header.timeout_seconds,
                    most_rollouts=batch.most_rollouts(MOST_UNIT_BYTES),
                    kind=batch.fingerprint,
                    needs=batch.header.objective.id if batch.header.objective else ROLLOUTS,
                    share=batch.share,
                    lanes=1 if batch.header.objective else ENGINE_LANES,
                )
            )
            return await job.finished
        finally:
            self._tell(ev.JobRemoved(number))
            del self._jobs[number]

    def progress(self, experiment: str) -> tuple[int, int] | None:
        """Return (rollouts settled, rollouts) of an experiment's training batch, if one is running."""
        for number, job in self._jobs.items():
            if job.batch.experiment == experiment and not job.batch.background:
                return self._scheduler.settled(number), len(job.batch)
        return None

    def standing(self, url: str) -> PoolWorker | None:
        """Return what the scheduler knows of a worker, to be looked at only."""
        return self._scheduler.worker(url)

    def recording(self) -> Recording:
        """Return the scheduler's recent events."""
        return self._recorder.snapshot()

    @property
    def late_replies(self) -> int:
        """Replies that came after their rollouts had been settled by others."""
        return self._scheduler.late_replies

    async def close(self) -> None:
        """Drop all requests under way."""
        tasks = [*self._tasks.values(), *([self._heart] if self._heart else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _beat(self) -> None:
        """Tell the scheduler the time while there is work."""
        while self._jobs:
            self._tell(ev.Tick())
            await asyncio.sleep(BEAT_SECONDS)

    def _slots_changed(self, url: str, slots: int | None) -> None:
        if slots is None:
            self._tell(ev.WorkerDown(url, forget=url not in self._fleet.workers))
        else:
            worker = self._fleet.workers[url]
            queue = worker.info.queue if worker.info else None
            self._tell(ev.WorkerUp(url, slots, worker.fingerprint, queue, worker.offers))

    def _tell(self, event: ev.Event, reply: _Reply | None = None) -> None:
        """Tell the scheduler of an event, and perform what it says to that."""
        now = asyncio.get_running_loop().time()
        if cost := self._cost.look():
            self._perform(self._handle(ev.RequestCosts(cost), now))
        self._perform(self._handle(event, now), reply)

    def _handle(self, event: ev.Event, now: float) -> list[Instruction]:
        instructions = self._scheduler.handle(event, now)
        self._recorder.note(now, event, len(instructions))
        return instructions

    def _perform(self, instructions: list[Instruction], reply: _Reply | None = None) -> None:
        for instruction in instructions:
            match instruction:
                case Send():
                    worker = self._fleet.workers[instruction.worker]
                    sent = self._jobs[instruction.job]
                    sent.result.hedged += instruction.hedge
                    self.hedges += instruction.hedge
                    request = self._request(instruction, sent, worker)
                    context = of_experiment(sent.batch.experiment)  # not of whoever's reply made room for it
                    self._tasks[instruction.unit] = task = asyncio.create_task(request, context=context)
                    task.add_done_callback(partial(self._forget, instruction.unit))
                case Settle(job):
                    self._settle(instruction, self._jobs[job].result, reply)
                case Cancel(unit):
                    if running := self._tasks.get(unit):
                        running.cancel()  # closes the connection, so that the worker's slots are free
                case Finish(job):
                    if not (finished := self._jobs[job].finished).done():
                        finished.set_result(self._jobs[job].result)
                case Fail(job, failure):
                    self._jobs[job].fail(f"{failure.kind}: {failure.message}")

    def _forget(self, unit: int, _: asyncio.Task[None]) -> None:
        del self._tasks[unit]

    def _settle(self, settle: Settle, result: BatchResult, reply: _Reply | None) -> None:
        result.retried += settle.retried
        result.lost += settle.lost
        result.failures.update(settle.given_up)
        if reply is not None:
            result.store(reply.send.rollouts, reply.result, settle.counted)
        if reply is not None and settle.counted:
            result.fingerprints.add(reply.worker.fingerprint)

    async def _request(self, send: Send, job: _Job, worker: Worker) -> None:
        """Send a unit, and tell the scheduler what becomes of it."""
        deadline = job.batch.header.timeout_seconds
        seconds = deadline + max(worker.deadlines, default=0.0) + REPLY_MARGIN_SECONDS
        worker.deadlines.append(deadline)
        try:
            result = await self._ask(job.batch, send, worker, seconds)
        except Busy as busy:
            worker.failed(busy)
            self._tell(ev.UnitRefused(send.unit, busy.retry_after))
        except NoConnection as error:
            worker.failed(error)
            self._tell(ev.UnitRefused(send.unit, self._tuning.no_connection_rest_seconds))
        except Unreachable as error:
            self._tell(ev.UnitRefused(send.unit))
            self._fleet.lose(worker, str(error))
        except WorkerLost as error:
            worker.failures += 1
            worker.failed(error)
            self._tell(ev.UnitLost(send.unit))
        except InvalidInput as refusal:
            message = f"{worker.url} refuses the unit: {refusal}"
            self._file(job, _Reply(send, worker, UnitResult.failed(len(send.rollouts), "exception", message)))
        except Exception as error:
            log.exception("a unit for %s failed in the master", worker.url)
            job.fail(f"{type(error).__name__}: {error}")
            self._tell(ev.UnitLost(send.unit))
        else:
            self._file(job, _Reply(send, worker, result))
        finally:
            worker.deadlines.remove(deadline)

    async def _ask(self, batch: Batch, send: Send, worker: Worker, seconds: float) -> UnitResult:
        async with self._beginning:
            await asyncio.sleep(0)
        frame = await self._frame(batch, send.rollouts, written_out=not worker.takes_keys)
        compute = worker.client.evaluations if batch.header.objective else worker.client.rollouts
        reply = await compute(frame, seconds, send.slots)
        try:
            if len(reply) <= SMALL_BYTES:
                return UnitResult.from_frame(reply, len(send.rollouts))
            return await asyncio.to_thread(UnitResult.from_frame, reply, len(send.rollouts))
        except InvalidInput as error:
            raise WorkerLost(f"its reply is no result: {error}") from error

    async def _frame(self, batch: Batch, rollouts: range, *, written_out: bool) -> bytes:
        """Encode a unit, its members as rows if they are to be; a small one here and now."""
        if not written_out and 4 * batch.dimension <= SMALL_BYTES:
            unit = batch.unit(rollouts)  # no rows that are not there but one or a few
            if sum(array.nbytes for array in member_arrays(unit.parameters).values()) <= SMALL_BYTES:
                self._cost.count(0.0)
                return unit.to_frame()
        frame, seconds = await asyncio.to_thread(_encode, batch, rollouts, written_out)
        self._cost.count(seconds)
        return frame

    def _file(self, job: _Job, reply: _Reply) -> None:
        reply.worker.answered(reply.result)
        self._compare(job.result.returns, reply)
        self._tell(ev.UnitDone(reply.send.unit, reply.result.busy_seconds, tuple(reply.result.failures)), reply)

    def _compare(self, there: NDArray[np.float64], reply: _Reply) -> None:
        """Look whether what is here already of a unit has the bits of its reply."""
        there = there[reply.send.rollouts.start : reply.send.rollouts.stop]
        both = np.isfinite(there) & np.isfinite(reply.result.returns)
        if not np.array_equal(there[both], reply.result.returns[both]):
            self.unequal_duplicates += 1
            message = "%s answers rollouts %s with other bits than another worker"
            log.error(message, reply.worker.url, reply.send.rollouts)


def _encode(batch: Batch, rollouts: range, written_out: bool) -> tuple[bytes, float]:
    """Return the frame of a unit, its members as rows if they are to be, and the CPU time that it took."""
    begun = time.thread_time()
    unit = batch.unit(rollouts)
    return (unit.written_out() if written_out else unit).to_frame(), time.thread_time() - begun

"""The dispatcher performs what the ledger decides: it encodes units, sends them, and files the replies."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import numpy as np

from services.master.dispatch.batch import Batch, BatchResult
from services.master.dispatch.entries import Limits, Outcome, Send
from services.master.dispatch.fleet import Fleet, Worker
from services.master.dispatch.ledger import Ledger
from services.master.dispatch.worker_client import NoReply, WorkerLost
from shared.errors import Busy, InvalidInput, SeedcastError
from shared.protocol import UnitResult

REPLY_MARGIN_SECONDS = 30.0
"""Beyond the deadlines of a unit and of whatever it may wait for in the worker: the network, and a new slot."""

UNIT_SHARE_OF_TIMEOUT = 0.5
"""Units are planned for so much of a rollout's timeout, which a whole unit has to keep."""

log = logging.getLogger(__name__)


class BatchFailed(SeedcastError):
    """The environment fails everywhere; the message is the worker's."""

    title = "Batch failed"


@dataclass
class _Job:
    batch: Batch
    result: BatchResult
    finished: asyncio.Future[BatchResult]


class Dispatcher:
    """Runs batches on the fleet, many at once."""

    def __init__(self, fleet: Fleet, limits: Limits | None = None) -> None:
        self._fleet = fleet
        self._ledger = Ledger(limits)
        self._jobs: dict[int, _Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight: dict[str, list[float]] = {}
        """By worker: the deadlines of the units it has, in seconds."""
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
        )
        job = _Job(batch, BatchResult.empty(len(batch)), asyncio.get_running_loop().create_future())
        self._jobs[number] = job
        try:
            self._send()
            return await job.finished
        finally:
            del self._jobs[number]
            self._ledger.remove_job(number)

    def progress(self, experiment: str) -> tuple[int, int] | None:
        """Return (rollouts settled, rollouts) of an experiment's training batch, if one is running."""
        for number, job in self._jobs.items():
            if job.batch.experiment == experiment and not job.batch.background:
                return self._ledger.done(number), len(job.batch)
        return None

    @property
    def late_replies(self) -> int:
        """Replies that came after their unit had been sent again."""
        return self._ledger.late_replies

    @property
    def unequal_duplicates(self) -> int:
        """Late replies that differ from the one that counted: equal work with unequal bits."""
        return self._unequal_duplicates

    @property
    def idle_seconds(self) -> float:
        """How long in all there has been no worker to send anything to."""
        return self._fleet.idle_seconds

    async def close(self) -> None:
        """Drop all requests under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _capacity_changed(self, url: str, slots: int | None) -> None:
        if slots is None:
            self._ledger.worker_down(url)
        else:
            self._ledger.worker_up(url, slots)
        self._send()

    def _send(self) -> None:
        for send in self._ledger.assign():
            perform = self._perform(send, self._jobs[send.job], self._fleet.workers[send.worker])
            task = asyncio.create_task(perform)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _perform(self, send: Send, job: _Job, worker: Worker) -> None:
        try:
            result = await self._request(job.batch, send.rollouts, worker)
        except Busy as busy:
            self._fleet.pause(worker, str(busy))
            self._give_up(send, job)
        except NoReply as error:
            worker.failures += 1
            worker.last_error = str(error)
            self._give_up(send, job)
        except WorkerLost as error:
            self._give_up(send, job)
            self._fleet.lose(worker, str(error))
        except InvalidInput as refusal:
            message = f"{worker.url} refuses the unit: {refusal}"
            self._file(send, job, worker, UnitResult.failed(len(send.rollouts), "exception", message))
        except Exception as error:
            log.exception("a unit for %s failed in the master", worker.url)
            self._ledger.unit_lost(send.unit)
            self._fail(job, f"{type(error).__name__}: {error}")
        else:
            self._file(send, job, worker, result)
        self._send()

    async def _request(self, batch: Batch, rollouts: range, worker: Worker) -> UnitResult:
        deadline = _deadline(batch)
        others = self._in_flight.setdefault(worker.url, [])
        timeout = deadline + max(others, default=0.0) + REPLY_MARGIN_SECONDS
        others.append(deadline)
        try:
            frame = await asyncio.to_thread(lambda: batch.unit(rollouts).to_frame())
            reply = await worker.client.rollouts(frame, timeout)
        finally:
            others.remove(deadline)
        try:
            return await asyncio.to_thread(UnitResult.from_frame, reply, len(rollouts))
        except InvalidInput as error:
            raise WorkerLost(f"its reply is no result: {error}") from error

    def _file(self, send: Send, job: _Job, worker: Worker, result: UnitResult) -> None:
        outcome = self._ledger.unit_done(send.unit, result.busy_seconds, result.failures)
        if not outcome.stored:
            self._compare(send, job, worker, result)
            return
        worker.units += 1
        worker.environment_steps += int(result.lengths.sum())
        for failure in result.failures:
            worker.failures += 1
            worker.last_error = f"{failure.kind}: {failure.message}"
        job.result.store(send.rollouts, result)
        job.result.retried += sum(len(failure.rollouts) for failure in result.failures)
        self._settle(send, job, outcome)

    def _give_up(self, send: Send, job: _Job) -> None:
        """Let the ledger have a unit without a reply run again."""
        job.result.retried += len(send.rollouts)
        self._settle(send, job, self._ledger.unit_lost(send.unit))

    def _settle(self, send: Send, job: _Job, outcome: Outcome) -> None:
        """Finish the job if that was the last of it, or if there is no hope."""
        job.result.failures.update(outcome.given_up)
        if outcome.hopeless is not None:
            self._fail(job, f"{outcome.hopeless.kind}: {outcome.hopeless.message}")
        elif outcome.stored and self._ledger.finished(send.job) and not job.finished.done():
            job.finished.set_result(job.result)

    def _fail(self, job: _Job, reason: str) -> None:
        if not job.finished.done():
            job.finished.set_exception(BatchFailed(reason))

    def _compare(self, send: Send, job: _Job, worker: Worker, late: UnitResult) -> None:
        """Look whether a late reply has the bits of the one that counted."""
        counted = job.result.returns[send.rollouts.start : send.rollouts.stop]
        both = np.isfinite(counted) & np.isfinite(late.returns)
        if not np.array_equal(counted[both], late.returns[both]):
            self._unequal_duplicates += 1
            log.error("%s answers rollouts %s with other bits than another worker", worker.url, send.rollouts)


def _deadline(batch: Batch) -> float:
    """Return the seconds that a worker gives a unit of a batch."""
    return batch.header.environment.rollout_timeout_seconds

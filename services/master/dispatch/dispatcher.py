"""The dispatcher performs what the ledger decides: it encodes units, sends them, and files the replies."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from services.master.dispatch.batch import Batch, BatchResult
from services.master.dispatch.fleet import Fleet, Worker
from services.master.dispatch.ledger import Ledger, Limits, Send
from services.master.dispatch.worker_client import WorkerLost
from shared.errors import Busy, InvalidInput, SeedcastError
from shared.protocol import UnitResult

REPLY_MARGIN_SECONDS = 10.0
"""A unit may wait for another one in the worker's queue, each as long as its deadline; this is for the network."""

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
        fleet.listen(self._capacity_changed)

    async def run(self, batch: Batch) -> BatchResult:
        """Roll a batch out. Cancelling gives it up.

        Raises:
            BatchFailed: its first rollouts all fail, on every worker.
        """
        number = self._ledger.add_job(batch.experiment, len(batch), background=batch.background)
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
            self._ledger.unit_lost(send.unit)
        except WorkerLost as error:
            self._ledger.unit_lost(send.unit)
            self._fleet.lose(worker, str(error))
        except InvalidInput as refusal:
            message = f"{worker.url} refuses the unit: {refusal}"
            self._file(send, job, worker, UnitResult.failed(len(send.rollouts), "exception", message))
        else:
            self._file(send, job, worker, result)
        self._send()

    async def _request(self, batch: Batch, rollouts: range, worker: Worker) -> UnitResult:
        frame = await asyncio.to_thread(lambda: batch.unit(rollouts).to_frame())
        timeout = 2 * batch.header.environment.rollout_timeout_seconds + REPLY_MARGIN_SECONDS
        reply = await worker.client.rollouts(frame, timeout)
        try:
            return await asyncio.to_thread(UnitResult.from_frame, reply, len(rollouts))
        except InvalidInput as error:
            raise WorkerLost(f"its reply is no result: {error}") from error

    def _file(self, send: Send, job: _Job, worker: Worker, result: UnitResult) -> None:
        outcome = self._ledger.unit_done(send.unit, result.busy_seconds, result.failures)
        if not outcome.stored:
            return
        worker.units += 1
        worker.environment_steps += int(result.lengths.sum())
        for failure in result.failures:
            worker.failures += 1
            worker.last_error = f"{failure.kind}: {failure.message}"
        job.result.store(send.rollouts, result)
        job.result.failures.update(outcome.given_up)
        job.result.retried += sum(len(failure.rollouts) for failure in result.failures)
        if job.finished.done():
            return
        if outcome.hopeless is not None:
            job.finished.set_exception(BatchFailed(f"{outcome.hopeless.kind}: {outcome.hopeless.message}"))
        elif self._ledger.finished(send.job):
            job.finished.set_result(job.result)

"""Stores an experiment's evolution: commits it generation by generation, and restores it after a crash."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from seedcast.services.master.evolution.replay import replay, results_frame
from seedcast.services.master.evolution.state import Arrays, Evolution
from seedcast.services.master.failpoints import reach
from seedcast.services.master.storage.checkpoints import Checkpoint, newest_intact, write_checkpoint
from seedcast.services.master.storage.disk_threads import in_disk_thread
from seedcast.services.master.storage.history import History
from seedcast.services.master.storage.records import GenerationRecord
from seedcast.services.master.storage.spacing import Spacing
from seedcast.shared.errors import DamagedCheckpoint, InvalidInput

log = logging.getLogger(__name__)


class EvolutionStore:
    """One experiment's checkpoints, and the results by which the generations since are learnt again."""

    def __init__(self, experiment_id: str, folder: Path, history: History) -> None:
        self._experiment_id = experiment_id
        self._folder = folder
        self._history = history
        self._spacing = Spacing()

    async def commit(self, evolution: Evolution, record: GenerationRecord) -> frozenset[str]:
        """Make a generation durable: first a checkpoint's file, if one is due, then all else in one transaction.

        Return the names of the checkpoint files that are still needed.

        Raises:
            StorageFailed: the disk does not take it; the same call may be made again.
        """
        reach("generation.before_checkpoint")
        results = await asyncio.to_thread(results_frame, evolution.learnt) if evolution.learnt else b""
        checkpoint = None
        if self._spacing.due(len(results), record.master_seconds):
            checkpoint = await in_disk_thread(self._write, evolution)
        kept = results if self._spacing.keeps_results(len(results)) else None
        reach("generation.before_transaction")
        files = await self._history.commit_generation(self._experiment_id, record, checkpoint, kept)
        if checkpoint is not None:
            self._spacing = Spacing.after(checkpoint)
        else:
            self._spacing.passed(record.master_seconds)
        return files

    def _write(self, evolution: Evolution) -> Checkpoint:
        header, arrays = evolution.checkpoint()
        return write_checkpoint(self._folder, evolution.generation, header, arrays)

    async def restore(
        self, begin: Callable[[], Evolution], after_each: Callable[[Evolution], Awaitable[None]], committed: int
    ) -> Evolution:
        """Return the evolution as of the last generation ``committed``, or of the last that can be restored.

        ``after_each`` does to it whatever was done between two generations.

        Raises:
            DamagedCheckpoint: nothing is left to go on from.
            StorageFailed: something cannot be read now.
        """
        last = committed
        while True:
            evolution, differs = await self._restore(begin, after_each, last)
            if differs is None:
                break
            last = differs - 1
        if committed and not evolution.generation:
            raise DamagedCheckpoint(f"nothing is left of {committed} generations to go on from")
        if evolution.generation < committed:
            log.error(
                "%s: generations %d to %d cannot be restored and are computed again",
                *(self._experiment_id, evolution.generation + 1, committed),
            )
        return evolution

    async def _restore(
        self, begin: Callable[[], Evolution], after_each: Callable[[Evolution], Awaitable[None]], last: int
    ) -> tuple[Evolution, int | None]:
        """Restore the newest checkpoint and replay up to ``last``; return a generation that came out different."""

        def restored(header: str, arrays: Arrays) -> Evolution:
            evolution = begin()
            evolution.restore(header, arrays)
            return evolution

        reach("resume.before_restore")
        checkpoints = [
            row for row in await self._history.checkpoints(self._experiment_id) if row.generation <= last
        ]
        found = await asyncio.to_thread(newest_intact, self._folder, checkpoints, restored)
        checkpoint, evolution = found or (None, await asyncio.to_thread(begin))
        self._spacing = Spacing.after(checkpoint)
        await after_each(evolution)
        while evolution.generation < last and (record := await self._replayed(evolution)):
            if evolution.parameters_sha256() != record.parameters_sha256:
                log.error(
                    "%s: generation %d has other parameters when replayed", evolution.experiment, record.generation
                )
                return evolution, record.generation
            evolution.elapsed_seconds = record.elapsed_seconds
            evolution.core_seconds = record.core_seconds
            self._spacing.passed(record.master_seconds)
            await after_each(evolution)
        return evolution, None

    async def _replayed(self, evolution: Evolution) -> GenerationRecord | None:
        """Learn the next generation from its results, and return what was recorded of it then."""
        frame = await self._history.results(self._experiment_id, evolution.generation + 1)
        records = await self._history.generations(self._experiment_id, evolution.generation, limit=1)
        if frame is None or not records or records[0].generation != evolution.generation + 1:
            return None
        reach("resume.during_replay")
        try:
            await asyncio.to_thread(replay, evolution, frame)
        except InvalidInput as error:
            log.error("%s: the results of generation %d: %s", evolution.experiment, records[0].generation, error)
            return None
        evolution.end_stage_if_due(records[0].returns.mean)
        return records[0]

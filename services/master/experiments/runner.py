"""The life of one running experiment: wait for workers, resume, then generation after generation to the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from seedcast.services.master.derived.files import OF_A_GENERATION, OF_A_TEST
from seedcast.services.master.derived.refresher import Refresher
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.evolution.batches import confirming_batch, test_batch
from seedcast.services.master.evolution.generation import Confirmation, run_generation, run_test
from seedcast.services.master.evolution.solution import Solution
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.experiments.beginning import description_of, machines_of
from seedcast.services.master.experiments.disk_retry import DiskRetry
from seedcast.services.master.experiments.evolution_store import EvolutionStore
from seedcast.services.master.experiments.lifecycle import Ending
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.experiments.stopping import limit_reached, target_reached
from seedcast.services.master.experiments.training_clock import TrainingClock
from seedcast.services.master.failpoints import reach
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.storage.artifacts import Artifacts
from seedcast.services.master.storage.checkpoints import remove_old_checkpoints
from seedcast.services.master.storage.disk_threads import in_disk_thread
from seedcast.services.master.storage.history import History
from seedcast.services.master.storage.records import GenerationRecord, Retraining, TestRecord
from seedcast.shared.model import Model
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.task import TaskDescription

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Collaborators:
    """Who does and keeps a runner's work."""

    repository: ExperimentRepository
    history: History
    dispatcher: Dispatcher
    fleet: Fleet
    refresher: Refresher
    models_kept: int = 100
    """Of the models tested, about so many stay on the disk."""


@dataclass
class _PendingTest:
    """A test that runs beside the next generation."""

    model: Model
    solution: Solution
    record: asyncio.Task[TestRecord]


async def _uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Finish ``work`` before a cancellation counts: a thread left behind would race whatever is written next."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class Runner:
    """Runs one experiment. Cancelling it loses the generation in the making and nothing else.

    ``warm_start`` is what a new experiment begins with; one that has a checkpoint needs it no more. What the disk
    does not take is written again until it does, and ``disk`` says so meanwhile. ``note_bound`` is told the
    fingerprint of the machines that it is bound to, if any.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        collaborators: Collaborators,
        warm_start: Model | None,
        disk: DiskRetry,
        note_bound: Callable[[str, str | None], None] = lambda _, __: None,
    ) -> None:
        self._experiment = experiment
        self._spec = experiment.spec
        self._folder = folder
        self._with = collaborators
        self._warm_start = warm_start
        self._disk = disk
        self._note_bound = note_bound
        self._artifacts = Artifacts(folder)
        self._store = EvolutionStore(experiment.id, folder / "checkpoints", collaborators.history)
        self._fingerprint: str | None = None
        """Of the machines that it is bound to; None: it takes any."""
        self._best: tuple[float | None, int | None, int] = (None, None, 1)
        """The best test's score, its generation, and -1 where less is better, 1 elsewhere."""
        self._taken_up = False
        """No generation has been committed since this runner took the run up where another one had left it."""

    def change(self, spec: ExperimentSpec) -> None:
        """Go on under other stop conditions and with another share; ``spec`` decides the same numbers."""
        self._spec = spec

    async def run(self) -> Ending:
        """Run until a stop condition is met and return which.

        Raises:
            StorageFailed, DamagedCheckpoint: it cannot go on before the disk is put right.
            SeedcastError: it cannot go on; the message says why.
        """
        repository, fleet = self._with.repository, self._with.fleet
        description = await description_of(self._experiment, repository, fleet)
        self._fingerprint = await machines_of(self._experiment, repository, fleet)
        self._note_bound(self._experiment.id, self._fingerprint)
        evolution = await self._resume(description)
        self._taken_up = evolution.generation > 0
        await repository.set_status(self._experiment.id, Status.RUNNING)
        self._disk.lift()
        clock = TrainingClock(self._lost_seconds)
        while (solved := self._solved()) is None:
            ended = limit_reached(self._spec, evolution, evolution.elapsed_seconds + clock.running())
            test = await self._due_test(evolution, final=ended is not None)
            try:
                record = None if ended else await self._generation(evolution, clock)
                went_back = test is not None and await self._finish_test(test, evolution, record)
            finally:
                if test is not None:
                    test.record.cancel()
            if ended and not self._solved():
                if limit_reached(self._spec, evolution, evolution.elapsed_seconds + clock.running()) is None:
                    continue  # the conditions were raised meanwhile
                return Ending(Status.COMPLETED, ended, evolution.elapsed_seconds + clock.lap())
            if went_back:  # as a restart would, which finds the same checkpoint and the same test
                evolution = await self._resume(evolution.description)
            elif record is not None and not self._solved():  # what ran beside the test that ends it is dropped
                evolution.end_stage_if_due(record.returns.mean)
                await self._commit(evolution, record)
                self._taken_up = False
        return Ending(Status.COMPLETED, solved, evolution.elapsed_seconds + clock.lap())

    def _solved(self) -> str | None:
        """Say why training is over, once a test has reached the target: as it stands now, it may be changed."""
        return target_reached(self._spec, *self._best)

    async def _generation(self, evolution: Evolution, clock: TrainingClock) -> GenerationRecord:
        record = await run_generation(evolution, self._with.dispatcher, clock.lap, self._spec.share)
        return record.model_copy(update={"resumed": self._taken_up})

    def _lost_seconds(self) -> float:
        """Return how long there was nobody to compute, or the disk refused to write."""
        return self._with.fleet.idle_seconds(self._fingerprint) + self._disk.blocked_seconds

    # Beginning

    async def _resume(self, description: TaskDescription) -> Evolution:
        """Return the evolution as of the last committed generation, or of the last that is left intact."""
        experiment_id = self._experiment.id

        def begin() -> Evolution:
            evolution = Evolution.begin(experiment_id, self._spec, description, self._warm_start)
            evolution.fingerprint = self._fingerprint
            return evolution

        committed = (await self._with.repository.get(experiment_id)).generation
        evolution = await self._store.restore(begin, self._apply_test, committed)
        if evolution.generation < committed:
            reach("resume.before_roll_back")
            await self._with.history.roll_back(experiment_id, evolution.generation)
            reach("resume.after_roll_back")
        experiment = await self._with.repository.get(experiment_id)
        self._best = experiment.best_test_return, experiment.best_generation, evolution.sign
        self._with.refresher.changed(experiment_id)
        return evolution

    # Tests

    async def _due_test(self, evolution: Evolution, *, final: bool) -> _PendingTest | None:
        """Start the test of the generation just committed, if one is due and was not done before a restart."""
        generation = evolution.generation
        if not generation or not (final or generation % self._spec.test.every == 0):
            return None
        if await self._with.history.test_of(self._experiment.id, generation) is not None:
            return None
        test = run_test(
            replace(test_batch(evolution), share=self._spec.share),
            self._with.dispatcher,
            confirmation=await self._confirmation(evolution),
            failed_episode=self._spec.fitness.failed_member,
            generation=generation,
            environment_steps=evolution.environment_steps,
            elapsed_seconds=evolution.elapsed_seconds,
            core_seconds=evolution.core_seconds,
        )
        return _PendingTest(evolution.model(), evolution.solution(), asyncio.create_task(test))

    async def _confirmation(self, evolution: Evolution) -> Confirmation | None:
        """Return how a test is confirmed that would be the best so far, where the specification asks for that."""
        if (batch := confirming_batch(evolution)) is None:
            return None
        best = (await self._with.repository.get(self._experiment.id)).best_test_return
        return Confirmation(
            replace(batch, share=self._spec.share),
            best,
            self._spec.stop.target,
            evolution.sign,
            self._spec.test.confirm_from,
        )

    async def _finish_test(
        self, test: _PendingTest, evolution: Evolution, beside: GenerationRecord | None
    ) -> bool:
        """Write the tested model and commit its score.

        Return whether the search has to go back, and so to drop the generation that ran beside the test.
        """
        record = await test.record
        if beside is not None:
            record = record.model_copy(
                update={"retraining": await self._regression(record, beside, evolution.sign)}
            )
        evolution.tested_return = score = record.returns.mean
        evolution.core_seconds += record.core_seconds
        metadata = test.model.metadata.model_copy(update={"test_return": score})
        best = await self._commit_test(test.model.model_copy(update={"metadata": metadata}), record)
        if best and self._spec.retrain is not None:
            evolution.best = test.solution
        if best:
            self._best = score, record.generation, evolution.sign
        return record.retraining is not None

    async def _regression(self, test: TestRecord, beside: GenerationRecord, sign: int) -> Retraining | None:
        """Say whether the search goes back after a test, and what is lost of the generation beside it."""
        experiment, retrain = await self._with.repository.get(self._experiment.id), self._spec.retrain
        best, best_generation = experiment.best_test_return, experiment.best_generation
        if retrain is None or best is None or best_generation is None:
            return None
        if not retrain.regressed(sign * test.returns.mean, sign * best):
            return None
        log.info(
            "%s: the test after generation %d came to %.2f; going back to generation %d, which had %.2f",
            *(experiment.id, test.generation, test.returns.mean, best_generation, best),
        )
        return Retraining(
            best_generation=best_generation,
            best_return=best,
            dropped_steps=beside.environment_steps - test.environment_steps,
            dropped_seconds=beside.elapsed_seconds - test.elapsed_seconds,
        )

    async def _apply_test(self, evolution: Evolution) -> None:
        """Do what the test of a generation just restored asks for: that was committed after its checkpoint."""
        test = await self._with.history.test_of(self._experiment.id, evolution.generation)
        if test is None:
            return
        evolution.tested_return = test.returns.mean
        evolution.core_seconds += test.core_seconds
        if self._spec.retrain is None:
            return
        if (retraining := test.retraining) is not None:
            evolution.go_back(retraining.dropped_steps, retraining.dropped_seconds)
            return
        best = await self._with.history.best_score_before(self._experiment.id, test.generation)
        if best is None or evolution.sign * best < evolution.sign * test.returns.mean:
            evolution.best = evolution.solution()

    async def _commit_test(self, model: Model, record: TestRecord) -> bool:
        """Write a tested model and its score; return whether it is the best so far."""
        reach("test.before_model")
        await self._stored(lambda: in_disk_thread(self._artifacts.write_model, model))  # before its score
        best = await self._stored(lambda: self._with.history.commit_test(self._experiment.id, record))
        reach("test.before_thinning")
        best_generation = (await self._with.repository.get(self._experiment.id)).best_generation
        thin = self._artifacts.thin_models
        await self._stored(lambda: in_disk_thread(thin, self._with.models_kept, best_generation))
        self._with.refresher.changed(self._experiment.id, OF_A_TEST)
        return best

    # Commits

    async def _stored(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do what writes to the disk, again until it succeeds; once begun it is not interrupted."""
        return await self._disk.until_done(lambda: _uninterrupted(work()))

    async def _commit(self, evolution: Evolution, record: GenerationRecord) -> None:
        """Make a generation durable; then remove what it makes superfluous."""
        kept = await self._stored(lambda: self._store.commit(evolution, record))
        folder = self._folder / "checkpoints"
        await self._stored(lambda: in_disk_thread(remove_old_checkpoints, folder, kept))
        self._with.refresher.changed(self._experiment.id, OF_A_GENERATION)

"""The life of one running experiment: wait for workers, resume, then generation after generation to the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from services.master.dispatch.dispatcher import Dispatcher
from services.master.dispatch.fleet import Fleet
from services.master.evolution.batches import test_batch
from services.master.evolution.generation import run_generation, run_test
from services.master.evolution.state import Arrays, Evolution
from services.master.experiments.repository import ExperimentRepository
from services.master.experiments.schemas import Experiment
from services.master.experiments.status import Status
from services.master.storage.artifacts import Artifacts
from services.master.storage.checkpoints import newest_intact, remove_old_checkpoints, write_checkpoint
from services.master.storage.history import GenerationRecord, History, TestRecord
from shared.model import Model
from shared.spec.environment import EnvironmentDescription

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Rooms:
    """Where a runner's work is done and kept."""

    repository: ExperimentRepository
    history: History
    dispatcher: Dispatcher
    fleet: Fleet


@dataclass
class _PendingTest:
    """A test that runs beside the next generation."""

    model: Model
    record: asyncio.Task[TestRecord]


async def write_derived(experiment_id: str, folder: Path, rooms: Rooms) -> None:
    """Make an experiment's folder agree with the database."""
    experiment = await rooms.repository.get(experiment_id)
    generations = await rooms.history.generations(experiment_id)
    tests = await rooms.history.tests(experiment_id)
    write = Artifacts(folder).write_derived
    await _whole(asyncio.to_thread(write, experiment.spec, generations, tests, experiment.best_generation))


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Finish ``work`` before a cancellation counts: a thread left behind would race whatever is written next."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class Runner:
    """Runs one experiment. Cancelling it loses the generation in the making and nothing else.

    ``warm_start`` is what a new experiment begins with; one that has a checkpoint needs it no more.
    """

    def __init__(self, experiment: Experiment, folder: Path, rooms: Rooms, warm_start: Model | None) -> None:
        self._experiment = experiment
        self._spec = experiment.spec
        self._folder = folder
        self._rooms = rooms
        self._warm_start = warm_start
        self._artifacts = Artifacts(folder)
        self._solved: str | None = None
        """Why training is over, once a test has reached the target."""

    async def run(self) -> str:
        """Run until a stop condition is met and return which.

        Raises:
            SeedcastError: the experiment cannot go on; the message says why.
        """
        evolution = await self._resume(await self._description())
        await self._rooms.repository.set_status(self._experiment.id, Status.RUNNING)
        while not self._solved:
            ended = self._stop_condition(evolution)
            test = await self._due_test(evolution, final=ended is not None)
            try:
                record = None if ended else await run_generation(evolution, self._rooms.dispatcher)
                if test is not None:
                    await self._finish_test(test)
            finally:
                if test is not None:
                    test.record.cancel()
            if ended and not self._solved:
                return ended
            if record is not None and not self._solved:  # what was learnt beside the test that ends it is dropped
                await _whole(self._commit(evolution, record))
        return self._solved

    # Beginning

    async def _description(self) -> EnvironmentDescription:
        """Return what the environment is, waiting for a worker that can tell."""
        repository, fleet = self._rooms.repository, self._rooms.fleet
        description = self._experiment.description
        while description is None or not fleet.ready:
            if not fleet.ready:
                await repository.set_status(self._experiment.id, Status.WAITING, "no worker answers")
            await fleet.wait_until_ready()
            if description is None and (description := await fleet.describe(self._spec.environment)):
                await repository.describe(self._experiment.id, description)
        return description

    async def _resume(self, description: EnvironmentDescription) -> Evolution:
        """Return the evolution as of the newest intact checkpoint, or a new one."""
        experiment_id = self._experiment.id
        checkpoints = await self._rooms.history.checkpoints(experiment_id)

        def begin() -> Evolution:
            return Evolution.begin(experiment_id, self._spec, description, self._warm_start)

        def restore(header: str, arrays: Arrays) -> Evolution:
            evolution = begin()
            evolution.restore(header, arrays)
            return evolution

        found = await asyncio.to_thread(newest_intact, self._folder / "checkpoints", checkpoints, restore)
        evolution = found[1] if found else await asyncio.to_thread(begin)
        if evolution.generation < self._experiment.generation:
            await self._rooms.history.roll_back(experiment_id, evolution.generation)
        experiment = await self._rooms.repository.get(experiment_id)
        self._solved = self._reached_target(experiment.best_test_return, experiment.best_generation)
        await write_derived(experiment_id, self._folder, self._rooms)
        return evolution

    # Tests

    async def _due_test(self, evolution: Evolution, *, final: bool) -> _PendingTest | None:
        """Start the test of the generation just committed, if one is due and was not done before a restart."""
        generation = evolution.generation
        if not generation or not (final or generation % self._spec.test.every == 0):
            return None
        if await self._rooms.history.tests(self._experiment.id, after=generation - 1):
            return None
        test = run_test(
            test_batch(evolution),
            self._rooms.dispatcher,
            failed_episode=self._spec.fitness.failed_member,
            generation=generation,
            environment_steps=evolution.environment_steps,
            elapsed_seconds=evolution.elapsed_seconds,
        )
        return _PendingTest(evolution.model(), asyncio.create_task(test))

    async def _finish_test(self, test: _PendingTest) -> None:
        """Write the tested model, commit its score, and see whether it reached the target."""
        record = await test.record
        score = record.returns.mean
        metadata = test.model.metadata.model_copy(update={"test_return": score})
        await _whole(self._commit_test(test.model.model_copy(update={"metadata": metadata}), record))
        self._solved = self._reached_target(score, record.generation)

    async def _commit_test(self, model: Model, record: TestRecord) -> None:
        await asyncio.to_thread(self._artifacts.write_model, model)  # first: a committed score has its model
        if await self._rooms.history.commit_test(self._experiment.id, record):
            await asyncio.to_thread(self._artifacts.promote_model, record.generation)
        generations = await self._rooms.history.generations(self._experiment.id)
        tests = await self._rooms.history.tests(self._experiment.id)
        await asyncio.to_thread(self._artifacts.write_scores, self._spec.name, generations, tests)

    def _reached_target(self, score: float | None, generation: int | None) -> str | None:
        target = self._spec.stop.test_return
        if target is None or score is None or score < target:
            return None
        return f"test return {score:.2f} reached the target {target:g} at generation {generation}"

    # Commits

    async def _commit(self, evolution: Evolution, record: GenerationRecord) -> None:
        """Make a generation durable: first the checkpoint's file, then everything else in one transaction."""
        header, arrays = await asyncio.to_thread(evolution.checkpoint)
        folder = self._folder / "checkpoints"
        checkpoint = await asyncio.to_thread(write_checkpoint, folder, record.generation, header, arrays)
        await self._rooms.history.commit_generation(self._experiment.id, record, checkpoint)
        await asyncio.to_thread(self._artifacts.append_log, record)
        await asyncio.to_thread(remove_old_checkpoints, folder, record.generation)

    def _stop_condition(self, evolution: Evolution) -> str | None:
        stop = self._spec.stop
        if evolution.generation >= stop.generations:
            return f"all {stop.generations} generations done"
        if stop.environment_steps is not None and evolution.environment_steps >= stop.environment_steps:
            return f"{evolution.environment_steps} environment steps done, the limit is {stop.environment_steps}"
        if stop.wall_time_seconds is not None and evolution.elapsed_seconds >= stop.wall_time_seconds:
            return f"{evolution.elapsed_seconds:.0f} s done, the limit is {stop.wall_time_seconds:g}"
        return None

"""What can be done with experiments. Endpoints, dashboard and start-up all go through here."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from pathlib import Path

from services.master.evolution.state import Evolution
from services.master.experiments.blockade import Blockade
from services.master.experiments.description import describe
from services.master.experiments.repository import ExperimentRepository
from services.master.experiments.runner import Rooms, Runner, write_derived
from services.master.experiments.schemas import Experiment, Progress
from services.master.experiments.status import Status
from services.master.failpoints import reach
from services.master.storage.artifacts import Artifacts
from services.master.storage.data_folder import DataFolder
from services.master.storage.history import History
from shared.errors import Conflict, InvalidInput, SeedcastError, StorageFailed
from shared.model import Model
from shared.spec.experiment import ExperimentSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Running:
    """An experiment that runs."""

    task: asyncio.Task[None]
    spec: ExperimentSpec
    blockade: Blockade


class ExperimentService:
    """Creates, runs, shows and stops experiments."""

    def __init__(self, folder: DataFolder, rooms: Rooms) -> None:
        self._folder = folder
        self._rooms = rooms
        self._repository: ExperimentRepository = rooms.repository
        self._running: dict[str, _Running] = {}
        self._ending = asyncio.Lock()
        self.history: History = rooms.history

    async def create(self, spec: ExperimentSpec) -> Experiment:
        """Check an experiment as far as can be checked now, and start it.

        Raises:
            InvalidInput: no worker has the environment, the policy does not fit it, or the model to start from
                does not fit.
            StorageFailed: the disk does not take it; there is no such experiment then.
        """
        warm_start = await self._warm_start(spec)
        description = await describe(spec, self._rooms.fleet)
        experiment_id = f"{spec.name}-{secrets.token_hex(3)}"
        if description is not None:
            await asyncio.to_thread(Evolution.begin, experiment_id, spec, description, warm_start)
        if warm_start is not None:  # a copy of its own, and first: what it was copied from may change or go
            artifacts = Artifacts(self._folder.experiment(experiment_id))
            await asyncio.to_thread(artifacts.write_warm_start, warm_start)
        await self._repository.add(experiment_id, spec, description)
        experiment = await self._repository.get(experiment_id)
        self._start(experiment)
        return experiment

    async def get(self, experiment_id: str) -> Experiment:
        """Return one experiment.

        Raises:
            NotFound: there is no such experiment.
        """
        return self._seen_now(await self._repository.get(experiment_id))

    async def list(self) -> list[Experiment]:
        """Return all experiments, newest first."""
        return [self._seen_now(experiment) for experiment in await self._repository.list()]

    async def stop(self, experiment_id: str) -> Experiment:
        """Stop an experiment as of its last committed generation.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it has ended already.
            StorageFailed: the disk does not take it; it runs on.
        """
        experiment = await self._repository.get(experiment_id)
        if not experiment.status.active:
            raise Conflict(f"experiment {experiment_id} has ended already: {experiment.status}")
        if running := self._running.get(experiment_id):
            running.task.cancel()
            await asyncio.gather(running.task, return_exceptions=True)
        try:
            await self._end(experiment_id, Status.STOPPED, "stopped on request")
        except StorageFailed:
            self._start(experiment)
            raise
        return await self._repository.get(experiment_id)

    async def progress(self, experiment_id: str) -> Progress | None:
        """Return how far the generation in the making is, if one is.

        Raises:
            NotFound: there is no such experiment.
        """
        experiment = await self._repository.get(experiment_id)
        counts = self._rooms.dispatcher.progress(experiment_id)
        if counts is None:
            return None
        return Progress(generation=experiment.generation + 1, rollouts_done=counts[0], rollouts=counts[1])

    async def artifacts(self, experiment_id: str) -> Artifacts:
        """Return an experiment's files.

        Raises:
            NotFound: there is no such experiment.
        """
        await self._repository.get(experiment_id)
        return Artifacts(self._folder.experiment(experiment_id))

    def demand(self) -> dict[str, int]:
        """Return how many rollouts a generation of each running experiment may have."""
        specs = {experiment_id: running.spec for experiment_id, running in self._running.items()}
        return {one: spec.largest_generation for one, spec in specs.items()}

    async def bindings(self) -> dict[str, str]:
        """Return the fingerprint of the machines that a running experiment is bound to, for each that is."""
        running = [await self._repository.get(experiment_id) for experiment_id in list(self._running)]
        return {one.id: one.fingerprints[0] for one in running if bound(one)}

    async def resume_all(self) -> None:
        """Go on with every experiment that was active when the last master ended; an unreadable one fails."""
        for experiment_id in await self._repository.active_ids():
            try:
                experiment = await self._repository.get(experiment_id)
            except Conflict as error:
                log.error("%s", error)
                await self._repository.set_status(experiment_id, Status.FAILED, str(error))
            else:
                log.info("resuming %s after generation %d", experiment_id, experiment.generation)
                self._start(experiment)

    async def close(self) -> None:
        """Let go of all running experiments; they stay active, for the next master to resume."""
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, experiment: Experiment) -> None:
        blockade = Blockade(experiment.id)
        task = asyncio.create_task(self._run(experiment.id, blockade), name=experiment.id)
        self._running[experiment.id] = _Running(task, experiment.spec, blockade)
        task.add_done_callback(lambda _: self._forget(experiment.id, task))

    def _forget(self, experiment_id: str, task: asyncio.Task[None]) -> None:
        running = self._running.get(experiment_id)
        if running is not None and running.task is task:  # and not one started since
            del self._running[experiment_id]

    async def _run(self, experiment_id: str, blockade: Blockade) -> None:
        """Run an experiment and note how it ended."""
        try:
            status, reason = (
                Status.COMPLETED,
                await blockade.outlast(lambda: self._attempt(experiment_id, blockade)),
            )
        except SeedcastError as error:
            status, reason = Status.FAILED, str(error)
        except Exception as error:
            log.exception("experiment %s failed", experiment_id)
            status, reason = Status.FAILED, f"{type(error).__name__}: {error}"
        await blockade.outlast(lambda: self._end(experiment_id, status, reason))

    async def _attempt(self, experiment_id: str, blockade: Blockade) -> str:
        """Run an experiment from its last committed generation to its end, and return why it ended."""
        experiment = await self._repository.get(experiment_id)
        folder = self._folder.experiment(experiment_id)
        warm_start = None
        if experiment.spec.warm_start is not None and not experiment.generation:
            warm_start = await asyncio.to_thread(Artifacts(folder).warm_start)
        return await Runner(experiment, folder, self._rooms, warm_start, blockade).run()

    async def _end(self, experiment_id: str, status: Status, reason: str) -> None:
        """Bring the folder up to date, then note the end: whoever sees that finds its files finished.

        Raises:
            StorageFailed: the disk does not take it; nothing has ended.
        """
        log.info("experiment %s: %s, %s", experiment_id, status, reason)
        async with self._ending:  # two requests to stop would write the same files
            try:
                reach("end.before_artifacts")
                await write_derived(experiment_id, self._folder.experiment(experiment_id), self._rooms)
            except StorageFailed:
                raise
            except Exception:
                log.exception("the files of %s could not be brought up to date", experiment_id)
            reach("end.before_status")
            await self._repository.set_status(experiment_id, status, reason)
            reach("end.after_status")

    async def _warm_start(self, spec: ExperimentSpec) -> Model | None:
        """Load the model to start from; it must lie below the data folder."""
        if spec.warm_start is None:
            return None
        path: Path = (self._folder.root / spec.warm_start).resolve()
        if not path.is_relative_to(self._folder.root):
            raise InvalidInput.of("warm_start", "must be a path below the data folder", spec.warm_start)
        try:
            return await asyncio.to_thread(Model.load, path)
        except InvalidInput as error:
            raise InvalidInput.of("warm_start", error.errors[0].reason, spec.warm_start) from error

    def _seen_now(self, experiment: Experiment) -> Experiment:
        """Show an experiment that cannot go on now as what it is: blocked by the disk, or waiting for workers."""
        if not experiment.status.active:
            return experiment
        running = self._running.get(experiment.id)
        if running is not None and running.blockade.reason is not None:
            return experiment.model_copy(update={"status": Status.BLOCKED, "reason": running.blockade.reason})
        if experiment.status is Status.RUNNING and (reason := self._waits_for(experiment)):
            return experiment.model_copy(update={"status": Status.WAITING, "reason": reason})
        return experiment

    def _waits_for(self, experiment: Experiment) -> str | None:
        """Say why no worker takes the units of an experiment, if none does."""
        ready = self._rooms.fleet.ready
        if not ready:
            return "no worker answers"
        others = {worker.fingerprint for worker in ready}
        if not bound(experiment) or experiment.fingerprints[0] in others:
            return None
        return (
            f"it began on machines with the fingerprint {experiment.fingerprints[0]}; the workers that answer "
            f"have {', '.join(sorted(others))} (determinism: strict)"
        )


def bound(experiment: Experiment) -> bool:
    """Whether an experiment uses the machines that it began on, and no others."""
    return experiment.spec.determinism == "strict" and bool(experiment.fingerprints)

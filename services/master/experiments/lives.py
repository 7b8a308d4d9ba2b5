"""The lives of all experiments: which there are, what runs, and what a life consists of (`lifecycle.Work`)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from seedcast.services.master.experiments.changes import unmet
from seedcast.services.master.experiments.disk_retry import DiskRetry
from seedcast.services.master.experiments.files import ExperimentFiles
from seedcast.services.master.experiments.hindrance import Hindrance, bound_to, hindrance
from seedcast.services.master.experiments.lifecycle import Ending, Lifecycle
from seedcast.services.master.experiments.runner import Collaborators, Runner
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.experiments.transitions import Event, State
from seedcast.services.master.failpoints import reach
from seedcast.services.master.storage.artifacts import Artifacts
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.failures import storage_errors
from seedcast.shared.errors import Conflict, NotFound, StorageFailed
from seedcast.shared.logs import of_experiment
from seedcast.shared.spec.experiment import ExperimentSpec

DELETION_RETRY_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass
class _Run:
    """What is known of an experiment while it runs."""

    spec: ExperimentSpec
    disk: DiskRetry
    fingerprint: str | None
    """Of the machines that it is bound to, if it is (determinism: strict)."""
    runner: Runner | None = None


class Lives:
    """Runs experiments, stores how they end, and removes them; each has one `Lifecycle`, which says when."""

    def __init__(self, folder: DataFolder, collaborators: Collaborators, files: ExperimentFiles) -> None:
        self._folder = folder
        self._with = collaborators
        self._files = files
        self._lives: dict[str, Lifecycle] = {}
        """Of all experiments that there are, running or not."""
        self._runs: dict[str, _Run] = {}
        self._afterwards: set[asyncio.Task[None]] = set()
        """What is done of experiments that have ended: deletions, mostly."""
        self.before_removal: Callable[[str], Awaitable[None]] | None = None
        """Has others let go of an experiment's folder before it is removed."""

    def begin(self, experiment_id: str) -> None:
        """Begin the life of an experiment that is in the database by now."""
        self._lives[experiment_id] = Lifecycle(experiment_id, Status.PENDING, self)
        self.settled(experiment_id, State.RUNNING)

    def of(self, experiment_id: str) -> Lifecycle:
        """Return an experiment's life.

        Raises:
            NotFound: there is no such experiment.
        """
        life = self._lives.get(experiment_id)
        if life is None or life.state is State.DELETED:
            raise NotFound(f"there is no experiment {experiment_id!r}")
        return life

    def change(self, experiment_id: str, spec: ExperimentSpec) -> None:
        """Have an experiment that runs go on by a changed specification."""
        if (run := self._runs.get(experiment_id)) is not None:
            run.spec = spec
            if run.runner is not None:
                run.runner.change(spec)

    async def continue_if_unmet(self, experiment_id: str) -> None:
        """Go on with a completed experiment whose stop conditions were raised while it completed."""
        experiment = await self._with.repository.get(experiment_id)
        if unmet(experiment.spec, experiment):
            with suppress(Conflict):  # somebody else was faster
                await self._lives[experiment_id].request(Event.CONTINUE)

    def hindrance(self, experiment_id: str, stored: Status) -> Hindrance | None:
        """Return why an experiment cannot go on now, the disk or a want of workers; None if it can."""
        run, life = self._runs.get(experiment_id), self._lives.get(experiment_id)
        blocked = (run.disk.reason if run else None) or (life.refusal if life else None)
        return hindrance(stored, blocked, run.fingerprint if run else None, self._with.fleet)

    def states(self) -> Counter[State]:
        """Return how many experiments are in each state."""
        return Counter(life.state for life in self._lives.values())

    def demand(self) -> dict[str, int]:
        """Return how many rollouts a generation of each running experiment may have."""
        return {one: run.spec.largest_generation for one, run in self._runs.items()}

    def bindings(self) -> dict[str, str]:
        """Return the fingerprint of the machines that a running experiment is bound to, for each that is."""
        return {one: run.fingerprint for one, run in self._runs.items() if run.fingerprint is not None}

    async def resume_all(self) -> None:
        """Go on with every experiment that was active when the last master ended, and with what it left undone."""
        for experiment_id, status in (await self._with.repository.statuses()).items():
            if status.active:
                log.info("going on with %s", experiment_id)
            self._lives[experiment_id] = life = Lifecycle(experiment_id, status, self)
            if life.state in (State.RUNNING, State.DELETED):
                self.settled(experiment_id, life.state)
        for experiment_id in await self._with.repository.with_files_behind():
            self._with.refresher.ended(experiment_id)

    async def close(self) -> None:
        """Let go of all running experiments; they stay active, for the next master to resume."""
        await asyncio.gather(*(life.close() for life in self._lives.values()))
        for task in self._afterwards:
            task.cancel()
        await asyncio.gather(*self._afterwards, return_exceptions=True)

    # What a life consists of: see `lifecycle.Work`.

    async def run(self, experiment_id: str) -> Ending:
        """Train an experiment from its last committed generation to its end."""
        disk = DiskRetry(experiment_id)

        async def attempt() -> Ending:
            experiment = await self._with.repository.get(experiment_id)
            run = self._runs[experiment_id] = _Run(experiment.spec, disk, bound_to(experiment))
            folder = self._folder.experiment(experiment_id)
            warm_start = None
            if experiment.spec.warm_start is not None and not experiment.generation:
                warm_start = await asyncio.to_thread(Artifacts(folder).warm_start)
            run.runner = Runner(experiment, folder, self._with, warm_start, disk, self._note_bound)
            run.runner.change(run.spec)  # which may have changed meanwhile
            return await run.runner.run()

        try:
            return await disk.until_done(attempt)
        finally:
            self._runs.pop(experiment_id, None)

    async def store(self, experiment_id: str, ending: Ending) -> None:
        """Write where an experiment has come to rest, or that it goes on.

        Raises:
            StorageFailed: the disk does not take it.
        """
        with storage_errors("seedcast.db"):
            await self._with.repository.settle(experiment_id, ending.status, ending.reason, ending.elapsed_seconds)

    def settled(self, experiment_id: str, state: State) -> None:
        """Have the files of an ended experiment brought to the end, and those of a deleted one removed."""
        match state:
            case State.RUNNING:
                self._with.refresher.resumed(experiment_id)
            case State.PAUSED | State.STOPPED | State.COMPLETED | State.FAILED:
                self._with.refresher.ended(experiment_id)
                if state is State.COMPLETED:
                    self._spawn(self.continue_if_unmet(experiment_id), experiment_id)
            case State.DELETED:
                self._spawn(self._remove(experiment_id), experiment_id)

    def _spawn(self, work: Coroutine[Any, Any, None], experiment_id: str) -> None:
        """Have something done that nobody waits for."""
        name = f"after the end of {experiment_id}"
        task = asyncio.create_task(work, name=name, context=of_experiment(experiment_id))
        self._afterwards.add(task)  # or nobody would hold it
        task.add_done_callback(self._afterwards.discard)

    async def _remove(self, experiment_id: str) -> None:
        """Remove what is left of a deleted experiment: files first, its row in the database last."""
        if self.before_removal is not None:
            await self.before_removal(experiment_id)
        await self._with.refresher.forget(experiment_id)
        while True:
            try:
                await self._files.remove(experiment_id)
                reach("deletion.before_rows")
                await self._with.repository.remove(experiment_id)
            except (StorageFailed, OSError) as error:
                log.warning("%s cannot be removed yet: %s", experiment_id, error)
                await asyncio.sleep(DELETION_RETRY_SECONDS)
            else:
                self._lives.pop(experiment_id, None)
                return

    def _note_bound(self, experiment_id: str, fingerprint: str | None) -> None:
        if (run := self._runs.get(experiment_id)) is not None:
            run.fingerprint = fingerprint

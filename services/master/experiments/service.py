"""What can be done with experiments. Endpoints, dashboard and start-up all go through here."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.experiments.changes import Changes, Cloning, unmet
from seedcast.services.master.experiments.description import describe_if_possible
from seedcast.services.master.experiments.disk_retry import DiskRetry
from seedcast.services.master.experiments.estimate import Estimate, estimate
from seedcast.services.master.experiments.files import ExperimentFiles
from seedcast.services.master.experiments.glances import Glances
from seedcast.services.master.experiments.hindrance import Hindrance, bound_to, hindrance
from seedcast.services.master.experiments.lifecycle import Ending, Lifecycle
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.rows import ExperimentRow, ExperimentRows, Wanted
from seedcast.services.master.experiments.runner import Collaborators, Runner
from seedcast.services.master.experiments.schemas import Experiment, Progress
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.experiments.transitions import AT_REST, Event, State
from seedcast.services.master.failpoints import reach
from seedcast.services.master.storage.artifacts import Artifact, Artifacts, OpenArtifact
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.failures import storage_errors
from seedcast.services.master.storage.history import History
from seedcast.shared.errors import Conflict, InvalidInput, NotFound, StorageFailed
from seedcast.shared.logs import of_experiment
from seedcast.shared.spec.experiment import ExperimentSpec

DELETION_RETRY_SECONDS = 30.0
ESTIMATE_SECONDS = 10.0
"""How long an estimate waits for workers whose slots are busy; without their word it says less."""

log = logging.getLogger(__name__)


@dataclass
class _Run:
    """What is known of an experiment while it runs."""

    spec: ExperimentSpec
    disk: DiskRetry
    fingerprint: str | None
    """Of the machines that it is bound to, if it is (determinism: strict)."""
    runner: Runner | None = None


class ExperimentService:
    """Creates, runs, shows, pauses, resumes, stops and deletes experiments."""

    def __init__(self, folder: DataFolder, collaborators: Collaborators) -> None:
        self._folder = folder
        self._with = collaborators
        self._repository: ExperimentRepository = collaborators.repository
        self._lives: dict[str, Lifecycle] = {}
        """Of all experiments that there are, running or not."""
        self._runs: dict[str, _Run] = {}
        self._keys: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._afterwards: set[asyncio.Task[None]] = set()
        """What is done of experiments that have ended: deletions, mostly."""
        self.history: History = collaborators.history
        self.before_removal: Callable[[str], Awaitable[None]] | None = None
        """Has others let go of an experiment's folder before it is removed."""
        self._glances = Glances(collaborators.history)
        self._files = ExperimentFiles(folder, collaborators.repository, collaborators.refresher)

    async def create(self, spec: ExperimentSpec, key: str | None = None) -> Experiment:
        """Check an experiment as far as can be checked now, and start it.

        The same ``key`` again gives the same experiment, and nothing is started.

        Raises:
            InvalidInput: no worker has the environment, the policy does not fit it, or the model to start from
                does not fit; or the key was used for another specification.
            StorageFailed: the disk does not take it; there is no such experiment then.
        """
        if key is None:
            return await self._create(spec, None)
        digest = hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
        lock = self._keys.setdefault(key, asyncio.Lock())  # gone once nobody holds it
        async with lock:
            used = await self._repository.of_key(key)
            if used is None:
                return await self._create(spec, (key, digest))
            if used[0] != digest:
                raise InvalidInput.of("Idempotency-Key", "was used for another specification", key)
            return await self.get(used[1])

    async def estimate(self, spec: ExperimentSpec) -> Estimate:
        """Check a specification as `create` does, and say what it would take; nothing is started.

        What only a worker can tell stays open where none does so soon.

        Raises:
            InvalidInput: it would be refused.
        """
        warm_start = await self._files.model_to_start_from(spec.warm_start)
        description = None
        with suppress(TimeoutError):
            async with asyncio.timeout(ESTIMATE_SECONDS):
                description = await describe_if_possible(spec, self._with.fleet)
        if description is not None:
            await asyncio.to_thread(Evolution.begin, "estimate", spec, description, warm_start)
        workers = list(self._with.fleet.workers.values())
        slots = sum(worker.info.slots for worker in workers if worker.info is not None)
        pace = sum(worker.meter.rates(asyncio.get_running_loop().time())[1] for worker in workers)
        return estimate(spec, description, pace, slots)

    async def clone(self, experiment_id: str, cloning: Cloning) -> Experiment:
        """Start an experiment like another one, with what differs.

        Raises:
            NotFound: there is no such experiment.
            InvalidInput: the clone's specification is refused.
            StorageFailed: the disk does not take it.
        """
        return await self.create(cloning.applied_to(await self._repository.get(experiment_id)))

    async def change(self, experiment_id: str, changes: Changes) -> Experiment:
        """Change name, note, tags or stop conditions, or archive it; a completed one may go on by that.

        Raises:
            NotFound: there is no such experiment.
            InvalidInput: a value is none that a specification may have.
            StorageFailed: the disk does not take it; nothing has changed.
        """
        life = self._life(experiment_id)

        async def write() -> None:
            spec = changes.applied_to((await self._repository.get(experiment_id)).spec)
            await self._repository.change(experiment_id, spec, changes.note, archived=changes.archived)
            if (run := self._runs.get(experiment_id)) is not None:
                run.spec = spec
                if run.runner is not None:
                    run.runner.change(spec)

        async def nothing() -> None:
            pass

        await life.exclusively(nothing)  # it may be about to complete
        experiment = await self._repository.get(experiment_id)
        if life.state is State.COMPLETED and unmet(changes.applied_to(experiment.spec), experiment):
            await life.request(Event.CONTINUE, write)
        else:
            await life.exclusively(write)
            if life.state in AT_REST.values():
                self._with.refresher.ended(experiment_id)
            if life.state is State.COMPLETED:  # since then
                await self._continue_if_unmet(life)
        return await self.get(experiment_id)

    async def _continue_if_unmet(self, life: Lifecycle) -> None:
        """Go on with a completed experiment whose stop conditions were raised while it completed."""
        experiment = await self._repository.get(life.id)
        if unmet(experiment.spec, experiment):
            with suppress(Conflict):  # somebody else was faster
                await life.request(Event.CONTINUE)

    async def rows(self, wanted: Wanted) -> ExperimentRows:
        """Return a page of the experiments in few words.

        Raises:
            InvalidInput: the cursor is not in the list.
        """
        rows = [self._row_seen_now(row) for row in await self._repository.rows()]
        rows = await self._glances.add_to(rows)
        return await asyncio.to_thread(wanted.page, rows)

    async def _create(self, spec: ExperimentSpec, key: tuple[str, str] | None) -> Experiment:
        warm_start = await self._files.model_to_start_from(spec.warm_start)
        description = await describe_if_possible(spec, self._with.fleet)
        experiment_id = f"{spec.name}-{secrets.token_hex(3)}"
        if description is not None:
            await asyncio.to_thread(Evolution.begin, experiment_id, spec, description, warm_start)
        if warm_start is not None:  # first: what is in the database has all that it needs
            await self._files.keep_warm_start(experiment_id, warm_start)
        await self._repository.add(experiment_id, spec, description, key)
        experiment = await self._repository.get(experiment_id)
        self._lives[experiment_id] = Lifecycle(experiment_id, Status.PENDING, self)
        self.settled(experiment_id, State.RUNNING)
        return experiment

    async def get(self, experiment_id: str) -> Experiment:
        """Return one experiment.

        Raises:
            NotFound: there is no such experiment.
        """
        return self._seen_now(await self._repository.get(experiment_id))

    async def stop(self, experiment_id: str) -> Experiment:
        """Stop an experiment as of its last committed generation.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it has ended already.
            StorageFailed: the disk does not take it; it runs on.
        """
        await self._life(experiment_id).request(Event.STOP)
        return await self.get(experiment_id)

    async def pause(self, experiment_id: str) -> Experiment:
        """Pause an experiment as of its last committed generation, until it is resumed.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it does not run.
            StorageFailed: the disk does not take it; it runs on.
        """
        await self._life(experiment_id).request(Event.PAUSE)
        return await self.get(experiment_id)

    async def resume(self, experiment_id: str) -> Experiment:
        """Go on with a paused, stopped or failed experiment from its last committed generation.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it runs, or it has completed.
            StorageFailed: the disk does not take it; it rests as before.
        """
        await self._life(experiment_id).request(Event.RESUME)
        return await self.get(experiment_id)

    async def delete(self, experiment_id: str, *, force: bool = False) -> None:
        """Delete an experiment with all its files; a running one only by ``force``.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it runs, and ``force`` is not given.
            StorageFailed: the disk does not take it; it is still there.
        """
        await self._life(experiment_id).request(Event.FORCE_DELETE if force else Event.DELETE)

    async def progress(self, experiment_id: str) -> Progress | None:
        """Return how far the generation in the making is, if one is.

        Raises:
            NotFound: there is no such experiment.
        """
        experiment = await self._repository.get(experiment_id)
        counts = self._with.dispatcher.progress(experiment_id)
        if counts is None:
            return None
        return Progress(generation=experiment.generation + 1, rollouts_done=counts[0], rollouts=counts[1])

    async def artifacts(self, experiment_id: str) -> list[Artifact]:
        """Return which files an experiment has.

        Raises:
            NotFound: there is no such experiment.
        """
        self._life(experiment_id)
        return await self._files.list(experiment_id)

    async def artifact(self, experiment_id: str, name: str) -> OpenArtifact:
        """Open one of an experiment's files, brought up to date first where it is a derived one.

        Raises:
            NotFound: there is no such experiment, or no such file of it.
        """
        self._life(experiment_id)
        return await self._files.open(experiment_id, name)

    def require(self, experiment_id: str) -> None:
        """Make sure that there is such an experiment.

        Raises:
            NotFound: there is none.
        """
        self._life(experiment_id)

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
        for experiment_id, status in (await self._repository.statuses()).items():
            if status.active:
                log.info("going on with %s", experiment_id)
            self._lives[experiment_id] = life = Lifecycle(experiment_id, status, self)
            if life.state in (State.RUNNING, State.DELETED):
                self.settled(experiment_id, life.state)
        for experiment_id in await self._repository.with_files_behind():
            self._with.refresher.ended(experiment_id)

    async def close(self) -> None:
        """Let go of all running experiments; they stay active, for the next master to resume."""
        await asyncio.gather(*(life.close() for life in self._lives.values()))
        for task in self._afterwards:
            task.cancel()
        await asyncio.gather(*self._afterwards, return_exceptions=True)

    # What the lives of experiments consist of: see `lifecycle.Work`.

    async def run(self, experiment_id: str) -> Ending:
        """Train an experiment from its last committed generation to its end."""
        disk = DiskRetry(experiment_id)

        async def attempt() -> Ending:
            experiment = await self._repository.get(experiment_id)
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
            await self._repository.settle(experiment_id, ending.status, ending.reason, ending.elapsed_seconds)

    def settled(self, experiment_id: str, state: State) -> None:
        """Have the files of an ended experiment brought to the end, and those of a deleted one removed."""
        match state:
            case State.RUNNING:
                self._with.refresher.resumed(experiment_id)
            case State.PAUSED | State.STOPPED | State.COMPLETED | State.FAILED:
                self._with.refresher.ended(experiment_id)
                if state is State.COMPLETED:
                    self._spawn(self._continue_if_unmet(self._lives[experiment_id]), experiment_id)
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
                await self._repository.remove(experiment_id)
            except (StorageFailed, OSError) as error:
                log.warning("%s cannot be removed yet: %s", experiment_id, error)
                await asyncio.sleep(DELETION_RETRY_SECONDS)
            else:
                self._lives.pop(experiment_id, None)
                return

    def _note_bound(self, experiment_id: str, fingerprint: str | None) -> None:
        if (run := self._runs.get(experiment_id)) is not None:
            run.fingerprint = fingerprint

    def _life(self, experiment_id: str) -> Lifecycle:
        life = self._lives.get(experiment_id)
        if life is None or life.state is State.DELETED:
            raise NotFound(f"there is no experiment {experiment_id!r}")
        return life

    def _seen_now(self, experiment: Experiment) -> Experiment:
        """Show an experiment that cannot go on now as what it is: blocked by the disk, or waiting for workers."""
        seen = self._hindrance(experiment.id, experiment.status)
        return experiment if seen is None else experiment.model_copy(update=seen)

    def _row_seen_now(self, row: ExperimentRow) -> ExperimentRow:
        seen = self._hindrance(row.id, row.status)
        return row if seen is None else row.model_copy(update=seen)

    def _hindrance(self, experiment_id: str, stored: Status) -> Hindrance | None:
        run, life = self._runs.get(experiment_id), self._lives.get(experiment_id)
        blocked = (run.disk.reason if run else None) or (life.refusal if life else None)
        return hindrance(stored, blocked, run.fingerprint if run else None, self._with.fleet)

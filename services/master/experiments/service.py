"""What can be done with experiments. Endpoints, dashboard and start-up all go through here."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from contextlib import suppress

from seedcast.services.master.derived.files import CONFIG
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.experiments.changes import Changes, Cloning, unmet
from seedcast.services.master.experiments.description import describe_if_possible
from seedcast.services.master.experiments.estimate import Estimate, estimate
from seedcast.services.master.experiments.files import ExperimentFiles
from seedcast.services.master.experiments.glances import Glances
from seedcast.services.master.experiments.lifecycle import Lifecycle
from seedcast.services.master.experiments.lives import Lives
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.restaging import refuse_other_stages
from seedcast.services.master.experiments.rows import ExperimentRow, ExperimentRows, Wanted
from seedcast.services.master.experiments.runner import Collaborators
from seedcast.services.master.experiments.schemas import Experiment, Progress
from seedcast.services.master.experiments.transitions import AT_REST, Event, State
from seedcast.services.master.storage.artifacts import Artifact, OpenArtifact
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.history import History
from seedcast.services.master.submissions import Submissions, used_for_another
from seedcast.shared.errors import Conflict
from seedcast.shared.spec.experiment import ExperimentSpec

ESTIMATE_SECONDS = 10.0
"""How long an estimate waits for workers whose slots are busy; without their word it says less."""


class ExperimentService:
    """Creates, shows, changes, pauses, resumes, stops and deletes experiments; `lives` runs them."""

    def __init__(self, folder: DataFolder, collaborators: Collaborators) -> None:
        self._with = collaborators
        self._repository: ExperimentRepository = collaborators.repository
        self._submissions = Submissions()
        self.history: History = collaborators.history
        self._glances = Glances(collaborators.history)
        self._files = ExperimentFiles(folder, collaborators.repository, collaborators.refresher)
        self.lives = Lives(folder, collaborators, self._files)

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
        async with self._submissions.alone(key):
            used = await self._repository.of_key(key)
            if used is None:
                return await self._create(spec, (key, digest))
            if used[0] != digest:
                raise used_for_another(key)
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
        """Change name, note, tags, share, determinism, stop conditions or stages to come, or archive it.

        A completed one may go on by other stop conditions.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it trains, and its determinism or stages are to be changed; or no worker can tell of these.
            InvalidInput: a value is none that a specification may have, or what was trained would be other stages.
            StorageFailed: the disk does not take it; nothing has changed.
        """
        life = self.lives.of(experiment_id)
        if changes.curriculum is not None:
            await self._check_stages(await self._repository.get(experiment_id), changes)

        async def write() -> None:
            experiment = await self._repository.get(experiment_id)
            before, spec = experiment.spec, changes.applied_to(experiment.spec)
            _refuse_amid_training(before, spec, life)
            await refuse_other_stages(self.history, experiment, changes)
            await self._repository.change(experiment_id, spec, changes.note, archived=changes.archived)
            self.lives.change(experiment_id, spec)
            if spec != before:
                self._with.refresher.changed(experiment_id, {CONFIG})

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
                await self.lives.continue_if_unmet(experiment_id)
        return await self.get(experiment_id)

    async def _check_stages(self, experiment: Experiment, changes: Changes) -> None:
        """See that a run could go on by its new stages: once it is resumed nobody looks at them again."""
        spec = changes.applied_to(experiment.spec)
        description = await describe_if_possible(spec, self._with.fleet)
        if description is None:
            raise Conflict("no worker is ready, which has to look at the stages: try again once one is")
        await asyncio.to_thread(Evolution.begin, experiment.id, spec, description, None)

    async def rows(self, wanted: Wanted) -> ExperimentRows:
        """Return a page of the experiments in few words.

        Raises:
            InvalidInput: the cursor is not in the list.
        """
        rows = await self._rows_seen_now()
        return await asyncio.to_thread(wanted.page, rows)

    async def rows_as_json(self, wanted: Wanted) -> str:
        """Return what `rows` does as JSON, which is made beside the event loop, too.

        Raises:
            InvalidInput: the cursor is not in the list.
        """
        rows = await self._rows_seen_now()
        return await asyncio.to_thread(lambda: wanted.page(rows).model_dump_json())

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
        self.lives.begin(experiment_id)
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
        await self.lives.of(experiment_id).request(Event.STOP)
        return await self.get(experiment_id)

    async def pause(self, experiment_id: str) -> Experiment:
        """Pause an experiment as of its last committed generation, until it is resumed.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it does not run.
            StorageFailed: the disk does not take it; it runs on.
        """
        await self.lives.of(experiment_id).request(Event.PAUSE)
        return await self.get(experiment_id)

    async def resume(self, experiment_id: str) -> Experiment:
        """Go on with a paused, stopped or failed experiment from its last committed generation.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it runs, or it has completed.
            StorageFailed: the disk does not take it; it rests as before.
        """
        await self.lives.of(experiment_id).request(Event.RESUME)
        return await self.get(experiment_id)

    async def delete(self, experiment_id: str, *, force: bool = False) -> None:
        """Delete an experiment with all its files; a running one only by ``force``.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it runs, and ``force`` is not given.
            StorageFailed: the disk does not take it; it is still there.
        """
        await self.lives.of(experiment_id).request(Event.FORCE_DELETE if force else Event.DELETE)

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
        self.lives.of(experiment_id)
        return await self._files.list(experiment_id)

    async def artifact(self, experiment_id: str, name: str) -> OpenArtifact:
        """Open one of an experiment's files, brought up to date first where it is a derived one.

        Raises:
            NotFound: there is no such experiment, or no such file of it.
        """
        self.lives.of(experiment_id)
        return await self._files.open(experiment_id, name)

    def require(self, experiment_id: str) -> None:
        """Make sure that there is such an experiment.

        Raises:
            NotFound: there is none.
        """
        self.lives.of(experiment_id)

    def _seen_now(self, experiment: Experiment) -> Experiment:
        """Show an experiment that cannot go on now as what it is: blocked by the disk, or waiting for workers."""
        seen = self.lives.hindrance(experiment.id, experiment.status)
        return experiment if seen is None else experiment.model_copy(update=seen)

    async def _rows_seen_now(self) -> list[ExperimentRow]:
        rows = [self._row_seen_now(row) for row in await self._repository.rows()]
        return await self._glances.add_to(rows)

    def _row_seen_now(self, row: ExperimentRow) -> ExperimentRow:
        seen = self.lives.hindrance(row.id, row.status)
        return row if seen is None else row.model_copy(update=seen)


def _refuse_amid_training(before: ExperimentSpec, after: ExperimentSpec, life: Lifecycle) -> None:
    for field in ("determinism", "curriculum"):
        if getattr(after, field) != getattr(before, field) and life.state not in AT_REST.values():
            raise Conflict(f"experiment {life.id} trains: pause it to change {field}, then resume it")

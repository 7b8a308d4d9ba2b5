"""Evaluations and videos of trained models, done beside training, a few at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict

from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.jobs.repository import JobRepository
from seedcast.services.master.jobs.schemas import EvaluationRequest, Job, JobRequest, JobResult, Kind, VideoRequest
from seedcast.services.master.jobs.work import evaluate, film
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.durable import write_durably
from seedcast.shared.errors import Busy, InvalidInput, NotFound, SeedcastError, StorageFailed
from seedcast.shared.logs import of_experiment
from seedcast.shared.model import Model

AT_ONCE = 4
MOST_UNFINISHED = 100
"""Of one experiment; asking for more is refused until some are done."""
DISK_PAUSE_SECONDS = 30.0

log = logging.getLogger(__name__)


class JobService:
    """Takes jobs, does them, and keeps what came of them; a job that a master leaves the next one does anew."""

    def __init__(
        self,
        repository: JobRepository,
        experiments: ExperimentService,
        folder: DataFolder,
        dispatcher: Dispatcher,
        fleet: Fleet,
    ) -> None:
        self._repository = repository
        self._experiments = experiments
        self._folder = folder
        self._dispatcher = dispatcher
        self._fleet = fleet
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)
        """Unfinished, by experiment."""
        experiments.lives.before_removal = self._forget

    async def evaluate(self, experiment_id: str, request: EvaluationRequest) -> Job:
        """Have a model evaluated.

        Raises:
            NotFound: there is no such experiment.
            InvalidInput: it has no such model.
            Busy: too much of this experiment is unfinished.
            StorageFailed: the disk does not take it; there is no such job then.
        """
        return await self._add(experiment_id, request)

    async def film(self, experiment_id: str, request: VideoRequest) -> Job:
        """Have a model filmed; raises as `evaluate`."""
        return await self._add(experiment_id, request)

    async def get(self, experiment_id: str, number: int) -> Job:
        """Return a job.

        Raises:
            NotFound: there is no such experiment, or no such job of it.
        """
        self._experiments.require(experiment_id)
        return await self._repository.get(experiment_id, number)

    async def of_experiment(self, experiment_id: str, limit: int) -> list[Job]:
        """Return an experiment's jobs, newest first.

        Raises:
            NotFound: there is no such experiment.
        """
        self._experiments.require(experiment_id)
        return await self._repository.of_experiment(experiment_id, limit)

    async def resume_all(self) -> None:
        """Go on with what the last master left."""
        for job in await self._repository.unfinished():
            self._start(job)

    async def close(self) -> None:
        """Let go of everything; the next master does it anew."""
        await asyncio.gather(*(self._forget(experiment_id) for experiment_id in list(self._tasks)))

    async def _add(self, experiment_id: str, request: JobRequest) -> Job:
        self._experiments.require(experiment_id)
        try:
            artifact = await self._experiments.artifact(experiment_id, request.model)
        except NotFound as error:
            raise InvalidInput.of("model", "the experiment has no such model", request.model) from error
        artifact.file.close()
        if len(self._tasks.get(experiment_id, ())) >= MOST_UNFINISHED:
            raise Busy(f"{MOST_UNFINISHED} evaluations and videos of {experiment_id} are unfinished", 10)
        kind: Kind = "evaluation" if isinstance(request, EvaluationRequest) else "video"
        job = await self._repository.add(experiment_id, kind, request)
        self._start(job)
        return job

    def _start(self, job: Job) -> None:
        task = asyncio.create_task(
            self._do(job), name=f"job {job.number}", context=of_experiment(job.experiment_id)
        )
        tasks = self._tasks[job.experiment_id]
        tasks.add(task)

        def forget(done: asyncio.Task[None]) -> None:
            tasks.discard(done)
            if not tasks and self._tasks.get(job.experiment_id) is tasks:
                del self._tasks[job.experiment_id]

        task.add_done_callback(forget)

    async def _forget(self, experiment_id: str) -> None:
        """Give up what is asked of an experiment; nothing more is written into its folder."""
        tasks = list(self._tasks.get(experiment_id, ()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _do(self, job: Job) -> None:
        async with self._slots:
            while True:
                try:
                    await self._repository.begin(job.number)
                    result, reason = await self._result(job)
                    await self._repository.end(job.number, result, reason)
                except StorageFailed as error:
                    log.warning("job %d of %s waits for the disk: %s", job.number, job.experiment_id, error)
                    await asyncio.sleep(DISK_PAUSE_SECONDS)
                else:
                    return

    async def _result(self, job: Job) -> tuple[JobResult | None, str]:
        """Return what came of a job, or nothing and why.

        Raises:
            StorageFailed: the disk does not take, or does not give it.
        """
        try:
            artifact = await self._experiments.artifact(job.experiment_id, job.model)
            with artifact.file as file:
                model = await asyncio.to_thread(Model.read, file, job.model)
            if job.kind == "evaluation":
                return await evaluate(job, model, self._dispatcher), ""
            return await self._film(job, model), ""
        except StorageFailed:
            raise
        except SeedcastError as error:
            return None, str(error)
        except Exception as error:
            log.exception("job %d of %s failed", job.number, job.experiment_id)
            return None, f"{type(error).__name__}: {error}"

    async def _film(self, job: Job, model: Model) -> JobResult:
        video, episode_return = await film(job, model, self._fleet)
        name = f"video_{model.metadata.generation}_seed_{job.seed}.mp4"
        path = self._folder.experiments / job.experiment_id / name
        writing = asyncio.create_task(asyncio.to_thread(write_durably, path, video))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:  # a thread left behind would write into a folder that is being removed
            await asyncio.wait([writing])
            raise
        return JobResult(generation=model.metadata.generation, artifact=name, episode_return=episode_return)

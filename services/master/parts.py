"""What a master consists of: put together, set to work, and closed in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

from prometheus_client import Histogram

from seedcast.services.master.autoscale.plan import Planner
from seedcast.services.master.catalogue.environments import Environments
from seedcast.services.master.dashboard.columns import ColumnReader
from seedcast.services.master.derived.refresher import Refresher
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.events.feed import Feed
from seedcast.services.master.events.stream import Readers
from seedcast.services.master.experiments.metrics import ExperimentCollector
from seedcast.services.master.experiments.prices import Prices
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.runner import Collaborators
from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.fleet.discovery import Discovery
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker_client import WorkerClient
from seedcast.services.master.jobs.repository import JobRepository
from seedcast.services.master.jobs.service import JobService
from seedcast.services.master.metrics import Metrics
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.services.master.settings import Settings
from seedcast.services.master.storage.bucket import Bucket, Mirror
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from seedcast.services.master.studies.repository import StudyRepository
from seedcast.services.master.studies.service import StudyService
from seedcast.services.master.workers.history import FleetRecorder, FleetSample, sample
from seedcast.services.master.workers.views import worker_views


class State(TypedDict):
    """What the endpoints ask for."""

    service: ExperimentService
    studies: StudyService
    fleet: Fleet
    dispatcher: Dispatcher
    metrics: Metrics
    planner: Planner
    columns: ColumnReader
    readers: Readers
    jobs: JobService
    environments: Environments
    recorder: FleetRecorder
    prices: Prices


@dataclass(frozen=True)
class Parts:
    """The parts of a master, of which there is one a process. Built in the event loop that they work in."""

    state: State
    database: Database
    refresher: Refresher
    mirror: Mirror | None
    """Copies artifacts to a bucket, where there is one."""

    @classmethod
    def build(
        cls,
        settings: Settings,
        folder: DataFolder,
        discovery: Discovery,
        bucket: Bucket | None,
        request_seconds: Histogram,
        leaving: asyncio.Event,
    ) -> Parts:
        """Put the parts together; nothing works yet. Once ``leaving`` is set, streams end."""
        secret = settings.worker_secret.get_secret_value() if settings.worker_secret else None
        database, planner = Database(folder.database), Planner(settings.autoscale)
        fleet = Fleet(discovery, partial(WorkerClient, secret=secret))
        dispatcher = Dispatcher(fleet, Tuning(unit_seconds=settings.unit_seconds))
        repository, history = ExperimentRepository(database, settings.prices), History(database)
        refresher = Refresher(folder.database, folder.experiment, repository.note_files_exact)
        service = ExperimentService(
            folder,
            Collaborators(repository, history, dispatcher, fleet, refresher, settings.models_kept),
        )

        def take() -> FleetSample:
            plan = planner.plan(service.lives.demand(), fleet.slots_per_worker, time.monotonic())
            return sample(worker_views(fleet, dispatcher, {}), plan.desired_workers, time.time())

        state = State(
            service=service,
            studies=StudyService(StudyRepository(database), service),
            fleet=fleet,
            dispatcher=dispatcher,
            metrics=Metrics(fleet, dispatcher, ExperimentCollector(service, history), request_seconds),
            planner=planner,
            columns=ColumnReader(history),
            readers=Readers(Feed(service.get, history), leaving),
            jobs=JobService(JobRepository(database), service, folder, dispatcher, fleet),
            environments=Environments(fleet),
            recorder=FleetRecorder(take),
            prices=settings.prices,
        )
        mirror = Mirror(bucket, folder.experiments) if bucket is not None else None
        return cls(state, database, refresher, mirror)

    def background(self) -> list[Coroutine[Any, Any, None]]:
        """Return what goes on for as long as the master works."""
        state = self.state
        works = [
            state["fleet"].run(),
            state["metrics"].watch_loop(),
            self.refresher.run(),
            state["recorder"].run(),
        ]
        return works if self.mirror is None else [*works, self.mirror.run()]

    async def resume(self) -> None:
        """Go on with what the last master left."""
        await self.state["service"].lives.resume_all()
        await self.state["jobs"].resume_all()
        await self.state["studies"].resume_all()

    async def let_go(self) -> None:
        """End what is under way, those first that start something with others."""
        await self.state["environments"].close()
        await self.state["studies"].close()
        await self.state["jobs"].close()
        await self.state["service"].lives.close()
        await self.state["dispatcher"].close()

    def close(self) -> None:
        """Close what others have worked with, once nothing works any more."""
        self.state["columns"].close()
        self.database.close()

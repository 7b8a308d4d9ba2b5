"""The files of experiments, which say what the database says by the time somebody looks at them."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from dataclasses import replace

from seedcast.services.master.derived.files import BEST_MODEL
from seedcast.services.master.derived.refresher import Refresher
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.failpoints import reach
from seedcast.services.master.storage.artifacts import Artifact, Artifacts, OpenArtifact, model_name
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.failures import storage_errors
from seedcast.services.master.storage.warm_starts import load_warm_start
from seedcast.shared.errors import InvalidInput, NotFound
from seedcast.shared.model import Model


class ExperimentFiles:
    """Opens, copies and removes what experiments have in the data folder."""

    def __init__(self, folder: DataFolder, repository: ExperimentRepository, refresher: Refresher) -> None:
        self._folder = folder
        self._repository = repository
        self._refresher = refresher

    async def list(self, experiment_id: str) -> list[Artifact]:
        """Return which files an experiment has; of one that has ended, all that it will have."""
        await self._refresher.finished(experiment_id)
        return await asyncio.to_thread(Artifacts(self._folder.experiments / experiment_id).list)

    async def open(self, experiment_id: str, name: str) -> OpenArtifact:
        """Open one of an experiment's files.

        Raises:
            NotFound: there is no such file of it.
        """
        artifacts = Artifacts(self._folder.experiments / experiment_id)
        if name == BEST_MODEL and (original := await self._original(experiment_id)) is not None:
            with suppress(NotFound):  # somebody has removed it
                return replace(await asyncio.to_thread(artifacts.open, original), name=name)
        await self._refresher.fresh(experiment_id, name)
        return await asyncio.to_thread(artifacts.open, name)

    async def model_to_start_from(self, name: str | None) -> Model | None:
        """Load a model of another experiment, or of the folder `models`, by its path below the data folder.

        Raises:
            InvalidInput: there is no such file, or it is no model.
        """
        if name is None:
            return None
        match name.split("/"):
            case ["experiments", experiment_id, file] if file == BEST_MODEL:
                if (original := await self._original(experiment_id)) is not None:
                    with suppress(InvalidInput):  # somebody has removed it
                        return await self._load(f"experiments/{experiment_id}/{original}")
                await self._refresher.fresh(experiment_id, file)
        return await self._load(name)

    async def keep_warm_start(self, experiment_id: str, model: Model) -> None:
        """Give an experiment a copy of its own of the model that it starts from: its source may change, or go.

        Raises:
            StorageFailed: the disk does not take it.
        """
        await asyncio.to_thread(Artifacts(self._folder.experiment(experiment_id)).write_warm_start, model)

    async def remove(self, experiment_id: str) -> None:
        """Remove the folder of an experiment, if it is still there.

        Raises:
            StorageFailed: the disk does not take it.
        """
        reach("deletion.before_files")
        with storage_errors(f"the folder of {experiment_id}"), suppress(FileNotFoundError):
            await asyncio.to_thread(shutil.rmtree, self._folder.experiments / experiment_id)

    async def _original(self, experiment_id: str) -> str | None:
        """Return the name of the model that best_model.npz is to be a copy of: it is there first, if there is one.

        The copy is made beside training, and may take a while where there is much to do.
        """
        try:
            best = (await self._repository.get(experiment_id)).best_generation
        except NotFound:
            return None
        return None if best is None else model_name(best)

    async def _load(self, name: str) -> Model:
        return await asyncio.to_thread(load_warm_start, self._folder.root, name)

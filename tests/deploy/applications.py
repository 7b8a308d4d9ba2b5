"""What the manifests and images have to agree with: the two applications themselves."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import FastAPI
from pydantic_settings import BaseSettings

from seedcast.services.master.app import create_app as create_master
from seedcast.services.master.settings import Settings as MasterSettings
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.worker.app import create_app as create_worker
from seedcast.services.worker.metrics import Metrics
from seedcast.services.worker.settings import Settings as WorkerSettings
from seedcast.services.worker.slots.pool import SlotPool

SETTINGS: dict[str, type[BaseSettings]] = {"master": MasterSettings, "worker": WorkerSettings}
PORTS: dict[str, int] = {role: int(settings.model_fields["port"].default) for role, settings in SETTINGS.items()}
ROLES = ("master", "worker")


@cache
def routes(role: str) -> frozenset[str]:
    """Return the paths that an application answers."""
    if role == "worker":
        metrics = Metrics()
        settings = WorkerSettings(slots=1)
        return _paths(create_worker(settings, SlotPool(1, 1, None, metrics.count), metrics))
    with TemporaryDirectory() as folder:
        data = DataFolder(Path(folder))
        try:
            return _paths(create_master(MasterSettings(), data))
        finally:
            data.close()


def variables(role: str) -> frozenset[str]:
    """Return the environment variables that an application reads."""
    settings = SETTINGS[role]
    prefix = str(settings.model_config["env_prefix"])
    return frozenset(f"{prefix}{name}".upper() for name in settings.model_fields)


def _paths(app: FastAPI) -> frozenset[str]:
    return frozenset(app.openapi()["paths"])

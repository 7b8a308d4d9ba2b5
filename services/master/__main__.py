"""`python -m seedcast.services.master`: one master, set up by SEEDCAST_ variables; `--check` only reads them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from seedcast.services.master import failpoints
from seedcast.services.master.app import create_app
from seedcast.services.master.settings import Settings
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.database import Database
from seedcast.shared.errors import StartupError, StorageFailed
from seedcast.shared.logs import log_to_stdout
from seedcast.shared.server import bind, only_checked, read_settings, run_main, serve

SHUTDOWN_SECONDS = 5


def main() -> None:
    """Take the port and the data folder, then serve."""
    settings = read_settings(Settings)
    log_to_stdout(settings.log_format)
    failpoints.arm(os.environ.get("SEEDCAST_FAILPOINTS", ""))
    settings.check_open_door()
    if only_checked(settings):
        return
    listener = bind(settings.host, settings.port)
    folder = DataFolder(settings.data)
    try:
        _open_once(folder.database)
        leaving = asyncio.Event()
        serve(create_app(settings, folder, leaving), listener, SHUTDOWN_SECONDS, on_shutdown=leaving.set)
    finally:
        folder.close()


def _open_once(path: Path) -> None:
    """Make sure, before anything is served, that the database can be opened.

    Raises:
        StartupError: it cannot: the disk is full, or the file is no database.
    """
    try:
        Database(path).close()
    except StorageFailed as error:
        raise StartupError(f"the database cannot be opened: {error}") from error


if __name__ == "__main__":
    run_main(main, "seedcast-master")

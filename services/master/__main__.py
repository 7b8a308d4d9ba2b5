"""`python -m services.master`: one master, configured by SEEDCAST_ environment variables."""

from __future__ import annotations

from services.master.app import create_app
from services.master.settings import Settings
from services.master.storage.data_folder import DataFolder
from shared.server import bind, read_settings, run_main, serve

SHUTDOWN_SECONDS = 5


def main() -> None:
    """Take the port and the data folder, then serve."""
    settings = read_settings(Settings)
    listener = bind(settings.host, settings.port)
    folder = DataFolder(settings.data)
    try:
        serve(create_app(settings, folder), listener, SHUTDOWN_SECONDS)
    finally:
        folder.close()


if __name__ == "__main__":
    run_main(main, "seedcast-master")

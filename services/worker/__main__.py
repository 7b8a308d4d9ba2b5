"""`python -m seedcast.services.worker`: a worker, set up by SEEDCAST_WORKER_ variables; `--check` reads them."""

from __future__ import annotations

from seedcast.services.worker.app import create_app
from seedcast.services.worker.metrics import Metrics
from seedcast.services.worker.settings import Settings
from seedcast.services.worker.slots.pool import SlotPool
from seedcast.shared.logs import log_to_stdout
from seedcast.shared.server import bind, only_checked, read_settings, run_main, serve


def main() -> None:
    """Take the port, then serve."""
    settings = read_settings(Settings)
    log_to_stdout(settings.log_format)
    settings.check_open_door()
    if only_checked(settings):
        return
    listener = bind(settings.host, settings.port)
    metrics = Metrics()
    pool = SlotPool(settings.slots, settings.queue, settings.slot_memory_bytes, metrics.count)
    app = create_app(settings, pool, metrics)
    serve(app, listener, settings.shutdown_seconds, on_shutdown=pool.drain, has_taken_leave=lambda: pool.has_told)


if __name__ == "__main__":
    run_main(main, "seedcast-worker")

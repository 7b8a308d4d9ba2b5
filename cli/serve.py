"""`seedcast serve`: a master and workers on this machine that stay."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from seedcast import Client
from seedcast.cli.local_cluster import START_SECONDS, LocalCluster
from seedcast.cli.options import AsJson
from seedcast.cli.output import print_line
from seedcast.errors import MasterUnreachable
from seedcast.services.master.fleet.worker_state import WorkerState
from seedcast.shared.cpus import usable_cpus
from seedcast.shared.errors import StartupError

Workers = Annotated[
    int | None, typer.Option("--workers", "-n", min=1, max=1024, help="Worker processes. Default: one a core.")
]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The master's port.")]
Data = Annotated[Path, typer.Option(envvar="SEEDCAST_DATA", help="Where all runs are kept.")]


def serve(workers: Workers = None, port: Port = 8000, data: Data = Path("runs"), json: AsJson = False) -> None:
    """Run a master and workers on this machine until Ctrl-C; what runs then goes on at the next start.

    As JSON: a line with the master's address, once it can be used.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    try:
        with LocalCluster(data / "logs") as cluster:
            client = start(cluster, workers, port, data)
            _say(client, len(cluster.worker_pids), data, json)
            while True:
                cluster.supervise()
                time.sleep(1)
    except KeyboardInterrupt:
        typer.echo("\nstopped; `seedcast serve` goes on with what was running", err=json)
        raise typer.Exit(130) from None


def _say(client: Client, workers: int, data: Path, json: bool) -> None:
    """Say what serves, and where."""
    count = client.count() + client.count(archived=True)
    if json:
        print_line({"url": client.url, "workers": workers, "data": str(data), "experiments": count})
        return
    typer.echo(f"serving {client.url} with {workers} workers; data: {data} ({count} experiments)")
    typer.echo(f"dashboard: {client.url}/  API: {client.url}/docs  logs: {data / 'logs'}")
    typer.echo("submit with `seedcast submit FILE`; Ctrl-C ends it")


def start(cluster: LocalCluster, workers: int | None, port: int, data: Path) -> Client:
    """Start the processes and return a client once the master has a worker.

    Raises:
        StartupError: it does not come to that.
    """
    urls = cluster.start_workers(workers or usable_cpus())
    client = Client(cluster.start_master(data, port, urls))
    deadline = time.monotonic() + START_SECONDS
    while not _works(client, cluster.master_pid):
        cluster.supervise()
        if time.monotonic() > deadline:
            raise StartupError(
                f"no master with a worker after {START_SECONDS:.0f} s; see the logs in {data / 'logs'}"
            )
        time.sleep(0.1)
    return client


def running(port: int, data: Path) -> Client | None:
    """Return a client of the master that serves this very data folder at this port, if one does."""
    try:
        owner = (data / "seedcast.lock").read_text().strip()
        client = Client(f"http://127.0.0.1:{port}")
        return client if owner and str(client.ready().get("pid")) == owner else None
    except (OSError, MasterUnreachable):
        return None


def _works(client: Client, pid: int) -> bool:
    """Whether the master of this process id, and no other one, takes requests and has a worker."""
    try:
        return client.ready().get("pid") == pid and any(one.state is WorkerState.READY for one in client.workers())
    except MasterUnreachable:
        return False

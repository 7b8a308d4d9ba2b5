"""`seedcast train`: a master and workers on this machine, one experiment, and its progress."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from cli.local_cluster import START_SECONDS, LocalCluster
from cli.progress import Display
from cli.specs import load_spec
from seedcast import Client
from seedcast.errors import MasterUnreachable
from services.master.dispatch.fleet import WorkerState
from services.master.experiments.schemas import Experiment
from services.master.experiments.status import Status
from shared.cpus import usable_cpus
from shared.errors import StartupError
from shared.spec.experiment import ExperimentSpec

POLL_SECONDS = 0.5
Config = Annotated[Path, typer.Argument(help="The specification to train, YAML or JSON.")]
Workers = Annotated[
    int | None, typer.Option("--workers", "-n", min=1, max=1024, help="Worker processes. Default: one a core.")
]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The master's port.")]
Data = Annotated[Path, typer.Option(help="Where runs are kept, a folder for each name.")]


def train(
    config: Config,
    workers: Workers = None,
    port: Port = 8000,
    data: Data = Path("runs"),
) -> None:
    """Train on this machine. Ctrl-C interrupts; the same command goes on where it stopped."""
    spec = load_spec(config)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    folder = data / spec.name
    try:
        with LocalCluster(folder / "logs") as cluster:
            urls = cluster.start_workers(workers or usable_cpus())
            api = Client(cluster.start_master(folder, port, urls))
            _wait_for_master(api, cluster)
            experiment = _experiment(api, spec)
            ended = _watch(api, experiment, cluster, folder)
    except KeyboardInterrupt:
        typer.echo(f"\ninterrupted; the same command resumes it ({folder})")
        raise typer.Exit(130) from None
    raise typer.Exit(0 if ended.status is Status.COMPLETED else 1)


def _wait_for_master(api: Client, cluster: LocalCluster) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _works(api, cluster.master_pid):
        cluster.supervise()
        if time.monotonic() > deadline:
            raise StartupError(f"no master with a worker after {START_SECONDS:.0f} s; see the logs")
        time.sleep(0.1)


def _works(api: Client, pid: int) -> bool:
    """Whether the master of this process id, and no other one, takes requests and has a worker."""
    try:
        return api.ready().get("pid") == pid and any(one.state is WorkerState.READY for one in api.workers())
    except MasterUnreachable:
        return False


def _experiment(api: Client, spec: ExperimentSpec) -> Experiment:
    """Return the interrupted experiment of this very specification, or a new one."""
    for experiment in api.experiments():
        if experiment.status.active and experiment.spec == spec:
            typer.echo(f"resuming {experiment.id} after generation {experiment.generation}")
            return experiment
        if experiment.status.active:
            typer.echo(f"the specification has changed: stopping {experiment.id} and starting anew")
            api.stop(experiment.id)
    return api.submit(spec)


def _watch(api: Client, experiment: Experiment, cluster: LocalCluster, folder: Path) -> Experiment:
    """Show progress until the experiment has ended."""
    with Display(experiment, dashboard=f"{api.url}/dashboard/{experiment.id}") as display:
        while experiment.status.active:
            cluster.supervise()
            experiment = api.experiment(experiment.id)
            generations = api.generations(experiment.id, display.last_generation)
            tests = api.tests(experiment.id, display.last_test)
            display.update(experiment, generations, tests, api.progress(experiment.id))
            time.sleep(POLL_SECONDS if experiment.status.active else 0)
    typer.echo(f"{experiment.status}: {experiment.reason}")
    typer.echo(
        f"{experiment.generation} generations, {experiment.environment_steps:,} env-steps, "
        f"{experiment.elapsed_seconds:.0f} s of training"
    )
    typer.echo(f"artifacts: {folder / 'experiments' / experiment.id}")
    return experiment

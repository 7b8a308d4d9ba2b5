"""`seedcast train`: one experiment on this machine, and its progress."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from cli.local_cluster import LocalCluster
from cli.options import Overrides
from cli.overrides import load_spec
from cli.serve import Data, Port, Workers, running, start
from cli.watch import watch
from seedcast import Client
from services.master.experiments.schemas import Experiment
from services.master.experiments.status import Status
from shared.spec.experiment import ExperimentSpec

Config = Annotated[Path, typer.Argument(help="The specification to train, YAML or JSON.")]
Again = Annotated[bool, typer.Option("--again", help="Also where this very specification has been trained.")]


def train(
    config: Config,
    workers: Workers = None,
    port: Port = 8000,
    data: Data = Path("runs"),
    overrides: Overrides = None,
    again: Again = False,
) -> None:
    """Train on this machine, on the server that `seedcast serve` runs or on one of its own.

    Ctrl-C interrupts; the same command goes on where it stopped.
    """
    spec = load_spec(config, overrides)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    try:
        if (client := running(port, data)) is not None:
            _on_running(client, spec, again)
        with LocalCluster(data / "logs") as cluster:
            typer.echo("starting a master and workers")
            client = start(cluster, workers, port, data)
            ended = watch(client, _experiment(client, spec, again), cluster.supervise)
    except KeyboardInterrupt:
        typer.echo(f"\ninterrupted; the same command resumes it ({data})")
        raise typer.Exit(130) from None
    typer.echo(f"artifacts: {data / 'experiments' / ended.id}")
    option = "" if data == Path("runs") else f" --data {data}"
    typer.echo(f"look again: seedcast serve{option}, then {client.url}/dashboard/{ended.id}")
    raise typer.Exit(_code(ended))


def _on_running(client: Client, spec: ExperimentSpec, again: bool) -> None:
    """Train on a server that is there and stays."""
    experiment = _experiment(client, spec, again)
    try:
        ended = watch(client, experiment)
    except KeyboardInterrupt:
        typer.echo(f"\nit goes on at {client.url}; `seedcast stop {experiment.id}` stops it")
        raise typer.Exit(130) from None
    typer.echo(f"look again: {client.url}/dashboard/{ended.id}")
    raise typer.Exit(_code(ended))


def _experiment(client: Client, spec: ExperimentSpec, again: bool) -> Experiment:
    """Return the interrupted or completed experiment of this very specification, or a new one."""
    same = [experiment for experiment in client.experiments() if experiment.spec == spec]
    for experiment in same:
        if experiment.status.active:
            typer.echo(f"resuming {experiment.id} after generation {experiment.generation}")
            return experiment
    done = next((experiment for experiment in same if experiment.status is Status.COMPLETED), None)
    if done is not None and not again:
        typer.echo(f"this very specification has been trained: {done.id}; --again trains it anew")
        return done
    for experiment in client.experiments():
        if experiment.status.active:
            typer.echo(f"{experiment.id} runs as well, and shares the workers; `seedcast stop` stops it")
    return client.submit(spec)


def _code(ended: Experiment) -> int:
    return 0 if ended.status is Status.COMPLETED else 1

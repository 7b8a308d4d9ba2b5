"""`seedcast train`: one experiment on this machine, and its progress."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from seedcast import Client
from seedcast.cli.local_cluster import LocalCluster
from seedcast.cli.options import AsJson, Overrides
from seedcast.cli.output import print_json
from seedcast.cli.overrides import load_spec
from seedcast.cli.serve import Data, Port, Workers, running, start
from seedcast.cli.watch import POLL_SECONDS, watch
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status
from seedcast.shared.spec.experiment import ExperimentSpec

Config = Annotated[Path, typer.Argument(help="The specification to train, YAML or JSON.")]
Say = Callable[[str], None]
Again = Annotated[bool, typer.Option("--again", help="Also where this very specification has been trained.")]


def train(
    config: Config,
    workers: Workers = None,
    port: Port = 8000,
    data: Data = Path("runs"),
    overrides: Overrides = None,
    again: Again = False,
    json: AsJson = False,
) -> None:
    """Train on this machine, on the server that `seedcast serve` runs or on one of its own.

    Ctrl-C interrupts; the same command goes on where it stopped. With --json the experiment is printed at its end,
    and all else goes to standard error.
    """
    spec = load_spec(config, overrides)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    say = partial(typer.echo, err=json)
    follow = _wait if json else watch
    try:
        if (client := running(port, data)) is not None:
            ended = _on_running(client, _experiment(client, spec, again, say), follow, say)
        else:
            with LocalCluster(data / "logs") as cluster:
                say("starting a master and workers")
                client = start(cluster, workers, port, data)
                ended = follow(client, _experiment(client, spec, again, say), cluster.supervise)
            say(f"artifacts: {data / 'experiments' / ended.id}")
            chosen = (("--data", data, Path("runs")), ("--port", port, 8000))
            options = "".join(f" {name} {value}" for name, value, default in chosen if value != default)
            say(f"look again: seedcast serve{options}, then {client.url}/dashboard/{ended.id}")
    except KeyboardInterrupt:
        say(f"\ninterrupted; the same command resumes it ({data})")
        raise typer.Exit(130) from None
    if json:
        print_json(ended)
    raise typer.Exit(0 if ended.status is Status.COMPLETED else 1)


def _on_running(client: Client, experiment: Experiment, follow: Callable[..., Experiment], say: Say) -> Experiment:
    """Train on a server that is there and stays."""
    try:
        ended = follow(client, experiment)
    except KeyboardInterrupt:
        say(f"\nit goes on at {client.url}; `seedcast stop {experiment.id}` stops it")
        raise typer.Exit(130) from None
    say(f"look again: {client.url}/dashboard/{ended.id}")
    return ended


def _wait(client: Client, experiment: Experiment, tick: Callable[[], None] = lambda: None) -> Experiment:
    """Return the experiment once it has ended; ``tick`` is called between two looks."""
    while experiment.status.active:
        tick()
        time.sleep(POLL_SECONDS)
        experiment = client.experiment(experiment.id)
    return experiment


def _experiment(client: Client, spec: ExperimentSpec, again: bool, say: Say) -> Experiment:
    """Return the interrupted or completed experiment of this very specification, or a new one."""
    namesakes = [
        row
        for archived in (False, True)
        for row in client.experiments(text=spec.name, status=["active", "completed"], archived=archived)
        if row.name == spec.name
    ]
    same = [one for one in (client.experiment(row.id) for row in namesakes) if one.spec == spec]
    for experiment in same:
        if experiment.status.active:
            say(f"resuming {experiment.id} after generation {experiment.generation}")
            return experiment
    done = next((experiment for experiment in same if experiment.status is Status.COMPLETED), None)
    if done is not None and not again:
        say(f"this very specification has been trained: {done.id}; --again trains it anew")
        return done
    for row in client.experiments(status=["active"]):
        say(f"{row.id} runs as well, and shares the workers; `seedcast stop` stops it")
    return client.submit(spec)

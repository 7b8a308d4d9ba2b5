"""Shows one experiment until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable

import typer

from seedcast import Client
from seedcast.cli.output import print_line
from seedcast.cli.progress import Display
from seedcast.cli.words import counted, words_for
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status

POLL_SECONDS = 0.5


def watch(client: Client, experiment: Experiment, tick: Callable[[], None] = lambda: None) -> Experiment:
    """Show progress until the experiment has ended, and return it; ``tick`` is called between two looks."""
    with Display(experiment, dashboard=f"{client.url}/dashboard/{experiment.id}") as display:
        while experiment.status.active:
            tick()
            experiment = client.experiment(experiment.id)
            generations = client.generations(experiment.id, display.last_generation)
            tests = client.tests(experiment.id, display.last_test)
            display.update(experiment, generations, tests, client.progress(experiment.id))
            time.sleep(POLL_SECONDS if experiment.status.active else 0)
    typer.echo(f"{experiment.status}: {experiment.reason}")
    step = words_for(objective=experiment.spec.objective is not None).step
    done = f"{counted(experiment.generation, 'generation')}, {counted(experiment.environment_steps, step)}"
    typer.echo(f"{done}, {experiment.elapsed_seconds:.0f} s of training")
    return experiment


def watch_to_the_end(client: Client, experiment: Experiment) -> int:
    """Show progress until the experiment has ended, and return the command's exit code."""
    return 0 if watch(client, experiment).status is Status.COMPLETED else 1


def events_to_the_end(client: Client, experiment_id: str) -> int:
    """Print an experiment's events, a line of JSON each, until it has ended; return the command's exit code."""
    for event in client.events(experiment_id):
        print_line({"event": event.kind, "id": event.id, **event.data})
        if event.kind == "status" and not event.data["active"]:
            return 0 if event.data["status"] == Status.COMPLETED else 1
    return 1  # deleted

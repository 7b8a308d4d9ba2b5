"""Commands that hand out what experiments on a running master leave: events, log, files, their page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from seedcast.cli.completion import experiment_ids
from seedcast.cli.options import AsJson, ExperimentId, Url, connect, resolve
from seedcast.cli.output import print_line, print_values
from seedcast.cli.watch import events_to_the_end, watch_to_the_end
from seedcast.services.master.derived.files import log_line

LATEST = 10**14
"""A test of no generation: whoever is told all tests up to this one is told no more."""


def watch(experiment_id: ExperimentId, url: Url = None, json: AsJson = False) -> None:
    """Show an experiment's progress until it has ended; Ctrl-C leaves it running. As JSON: an event a line."""
    with connect(url) as client:
        one = client.experiment(resolve(client, experiment_id))
        raise typer.Exit(events_to_the_end(client, one.id) if json else watch_to_the_end(client, one))


def log(
    experiment_id: ExperimentId,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="So many of the last ones.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until it has ended.")
    ] = False,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Print the last generations of an experiment, a line each; as JSON, their whole records."""
    with connect(url) as client:
        chosen = resolve(client, experiment_id)
        if not (json or follow):
            typer.echo(client.log(chosen, lines), nl=False)
            return
        last = max(0, client.experiment(chosen).generation - lines)
        for event in client.events(chosen, after=f"{last}.{LATEST}."):
            if event.kind == "generation":
                print_line(event.data) if json else typer.echo(log_line(event.data), nl=False)
            elif event.kind == "deleted" or (event.kind == "status" and not (follow and event.data["active"])):
                return


def download(
    experiment_id: ExperimentId,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Default: best_model.npz.")
    ] = None,
    into: Annotated[Path, typer.Option("--into", "-d", help="The folder to save them in.")] = Path(),
    everything: Annotated[bool, typer.Option("--all", help="Every file that there is.")] = False,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Save an experiment's files, as they are now."""
    with connect(url) as client:
        chosen = resolve(client, experiment_id)
        wanted = [one.name for one in client.artifacts(chosen)] if everything else names or ["best_model.npz"]
        into.mkdir(parents=True, exist_ok=True)
        saved = []
        for name in wanted:
            saved.append(str(client.download(chosen, name, into / Path(name).name)))
            if not json:
                typer.echo(saved[-1])
    if json:
        print_values(saved)


def open_dashboard(
    experiment_id: Annotated[str | None, typer.Argument(metavar="[ID]", autocompletion=experiment_ids)] = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Open the dashboard in a browser; print its address where there is none."""
    with connect(url) as client:
        page = f"/dashboard/{client.experiment(resolve(client, experiment_id)).id}" if experiment_id else "/"
        address = client.url + page
    if json:
        print_values({"url": address})
        return
    typer.echo(address)
    if sys.stdout.isatty():
        typer.launch(address)

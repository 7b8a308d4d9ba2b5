"""`seedcast track`: an experiment's figures in TensorBoard, MLflow, Trackio or Weights & Biases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from seedcast.cli.options import AsJson, ExperimentId, Url, connect, resolve
from seedcast.cli.output import print_json
from seedcast.services.master.experiments.status import Status
from seedcast.shared.errors import InvalidInput
from seedcast.tracking import MLflow, Runs, Sink, TensorBoard, follow
from seedcast.tracking.follow import SINK, opening

SINKS: dict[str, Callable[[str], Sink]] = {
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "trackio": lambda project: Runs("trackio", project),
    "wandb": lambda project: Runs("wandb", project),
}


def track(
    experiment_id: ExperimentId,
    to: Annotated[
        str,
        typer.Option(
            "--to", help="tensorboard:FOLDER, mlflow:URI, trackio:PROJECT or wandb:PROJECT; each is an extra."
        ),
    ],
    state: Annotated[
        Path, typer.Option(help="Keeps how far it is: the same command goes on there after an interruption.")
    ] = Path(".seedcast-tracking"),
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Write an experiment's figures elsewhere, all from the first generation on, until it has ended."""
    kind, _, place = to.partition(":")
    if kind not in SINKS or not place:
        raise InvalidInput.of("--to", f"must be one of {', '.join(SINKS)}, a colon and where", to)
    try:
        with opening():
            sink = SINKS[kind](place)
        with connect(url) as client:
            chosen = resolve(client, experiment_id)
            where = hashlib.sha256(f"{client.url} {to}".encode()).hexdigest()[:8]
            ended = follow(client, chosen, sink, state / f"{chosen}.{kind}-{where}")
    except InvalidInput as error:
        raise InvalidInput(
            [replace(one, field="--to") if one.field == SINK else one for one in error.errors]
        ) from error
    if json:
        print_json(ended)
    else:
        typer.echo(f"{ended.id}: {ended.status}, generation {ended.generation}, is in {to}")
    raise typer.Exit(0 if ended.status is Status.COMPLETED else 1)

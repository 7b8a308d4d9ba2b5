"""Options that several commands have, and the client that they make."""

from __future__ import annotations

from typing import Annotated

import typer

from seedcast import Client
from seedcast.cli.completion import experiment_ids
from seedcast.errors import NotFound

Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="SEEDCAST_URL", help="The master. Default: http://127.0.0.1:8000.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--override", "-o", metavar="KEY=VALUE", help="Change a field: -o stop.generations=50."),
]
Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...", help="Experiments' ids; `last` is the newest one.", autocompletion=experiment_ids
    ),
]
ExperimentId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="An experiment's id; `last` is the newest one.", autocompletion=experiment_ids
    ),
]


def connect(url: str | None) -> Client:
    """Return a client of the master at ``url``; its token comes from SEEDCAST_TOKEN."""
    return Client(url)


def resolve(client: Client, experiment_id: str) -> str:
    """Return an id, for ``last`` that of the newest experiment.

    Raises:
        NotFound: there is none yet.
    """
    if experiment_id != "last":
        return experiment_id
    newest = client.experiments(limit=1)
    if not newest:
        raise NotFound("there are no experiments yet")
    return newest[0].id

"""`seedcast check-worker`: holds a worker, in whatever language, to docs/worker-protocol.md."""

from __future__ import annotations

import json as json_module
from typing import Annotated

import typer

from seedcast.cli.conformance import CLAUSES, Broken, NotAsked, WorkerUnderTest
from seedcast.cli.options import AsJson
from seedcast.cli.output import print_values
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveSpec

HOLDS, BROKEN, SKIPPED = "holds", "broken", "not asked"
MARKS = {HOLDS: "✓", BROKEN: "✗", SKIPPED: "-"}


def check_worker(
    url: Annotated[str, typer.Argument(help="Of the worker: http://127.0.0.1:8001.")],
    objective: Annotated[
        str | None, typer.Option("--objective", metavar="ID", help="What to try it with.")
    ] = None,
    environment: Annotated[str | None, typer.Option("--environment", metavar="ID", help="The same.")] = None,
    kwargs: Annotated[
        str, typer.Option("--kwargs", metavar="JSON", help="Of the objective or environment.")
    ] = "{}",
    secret: Annotated[
        str | None,
        typer.Option(envvar="SEEDCAST_WORKER_SECRET", help="What it wants to be shown.", show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:
    """Check that a worker keeps the protocol, clause by clause. It is tried with the first task that it lists.

    Exit codes: 0 every clause holds; 1 some are broken; 2 there is no worker, or what was asked for is wrong.
    """
    if not url.startswith(("http://", "https://")):
        raise InvalidInput.of("URL", "must begin with http:// or https://", url)
    worker = WorkerUnderTest(url.rstrip("/"), secret, _task(objective, environment, kwargs))
    worker.get("/livez")  # where nobody answers, no clause is broken
    found = []
    for clause in CLAUSES:
        try:
            outcome, told = HOLDS, clause.test(worker)
        except Broken as error:
            outcome, told = BROKEN, str(error)
        except NotAsked as reason:
            outcome, told = SKIPPED, str(reason)
        found.append({"clause": clause.name, "text": clause.text, "outcome": outcome, "told": told})
        if not json:
            typer.echo(f"{MARKS[outcome]} {clause.text}" + (f"\n    {told}" if told else ""))
    broken = sum(one["outcome"] == BROKEN for one in found)
    if json:
        print_values({"url": url, "ok": not broken, "clauses": found})
    else:
        typer.echo(
            f"{broken} of {len(CLAUSES)} clauses are broken." if broken else "The worker keeps the protocol."
        )
    if broken:
        raise typer.Exit(1)


def _task(objective: str | None, environment: str | None, kwargs: str) -> ObjectiveSpec | EnvironmentSpec | None:
    if objective is not None and environment is not None:
        raise InvalidInput.of("--objective", "give an objective or an environment, not both")
    try:
        values = json_module.loads(kwargs)
    except ValueError as error:
        raise InvalidInput.of("--kwargs", f"is no JSON: {error}", kwargs) from None
    if objective is not None:
        return ObjectiveSpec(id=objective, kwargs=values)
    return EnvironmentSpec(id=environment, kwargs=values) if environment is not None else None

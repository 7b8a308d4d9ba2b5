"""`seedcast check`: holds a strategy, a policy, an environment or an objective to its contract.

It needs pytest, and no server. The tests run in a process of their own: what is checked may hang, or end it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Any

import typer

from seedcast.cli.holding import Holding
from seedcast.cli.options import AsJson
from seedcast.cli.output import print_values
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.parse import parse_values

app = typer.Typer(
    help="Hold a strategy, a policy, an environment or an objective to its contract.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="What a specification calls it.")]
Options = Annotated[str, typer.Option("--options", metavar="JSON", help="Options of its specification.")]
Seconds = Annotated[float, typer.Option("--seconds", min=1, help="What one test may take.")]


@app.command()
def environment(
    id_: Annotated[str, typer.Argument(metavar="ID", help="What a specification calls it.")],
    kwargs: Annotated[str, typer.Option("--kwargs", metavar="JSON", help="Of its constructor.")] = "{}",
    engine: Annotated[str, typer.Option("--engine", help="What is to run it.")] = "auto",
    steps: Annotated[int, typer.Option("--steps", min=8, help="Of an episode.")] = 60,
    unseeded: Annotated[bool, typer.Option("--unseeded", help="All its episodes are alike.")] = False,
    seconds: Seconds = 120,
    json: AsJson = False,
) -> None:
    """Check an environment: an episode depends on its seed and its actions, and on nothing else."""
    values = {"id": id_, "kwargs": _object("--kwargs", kwargs), "engine": engine}
    _hold(Holding("environment", id_, values, {"steps": steps, "seeded": not unseeded}), seconds, json)


@app.command()
def objective(
    id_: Annotated[str, typer.Argument(metavar="ID", help="What a specification calls it.")],
    kwargs: Annotated[str, typer.Option("--kwargs", metavar="JSON", help="Of its factory.")] = "{}",
    seconds: Seconds = 120,
    json: AsJson = False,
) -> None:
    """Check an objective: a value depends on its solution and its seed, whatever else is in the batch."""
    _hold(Holding("objective", id_, {"id": id_, "kwargs": _object("--kwargs", kwargs)}), seconds, json)


@app.command()
def policy(name: Name, options: Options = "{}", seconds: Seconds = 120, json: AsJson = False) -> None:
    """Check a policy: what a lane does depends on its own parameters and observations, to the bit."""
    _hold(Holding("policy", name, {"name": name} | _object("--options", options)), seconds, json)


@app.command()
def strategy(name: Name, options: Options = "{}", seconds: Seconds = 120, json: AsJson = False) -> None:
    """Check a strategy: it learns, it repeats itself to the bit, and it goes on from what it saved."""
    _hold(Holding("strategy", name, {"name": name} | _object("--options", options)), seconds, json)


def _object(option: str, text: str) -> dict[str, Any]:
    try:
        values = parse_values(text, only_json=True)
    except InvalidInput as error:
        raise InvalidInput.of(option, error.errors[0].reason, text[:200]) from None
    if not isinstance(values, dict):
        raise InvalidInput.of(option, "is no JSON object", text)
    return values


def _hold(holding: Holding, seconds: float, json: bool) -> None:
    if find_spec("pytest") is None:
        raise InvalidInput.of("check", "needs pytest: pip install pytest")
    held = holding.run(seconds, quiet=json)
    if json:
        print_values({"kind": holding.kind, "name": holding.name, "ok": held.ok, "tests": held.tests})
    if held.ended_by is not None:
        typer.echo(f"\nseedcast: {held.ended_by}", err=True)  # pytest left its line unfinished
    if not held.ok:
        raise typer.Exit(1)

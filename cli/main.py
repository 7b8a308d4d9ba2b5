"""The `seedcast` command."""

from __future__ import annotations

import sys

import typer

from cli import replay, specs, strategies, train
from shared.errors import InvalidInput, SeedcastError

app = typer.Typer(
    name="seedcast",
    help="Evolution strategies at scale.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("train")(train.train)
app.command("test")(replay.replay)
app.command("validate")(specs.validate)
app.command("schema")(specs.schema)
app.command("strategies")(strategies.strategies)


def main() -> None:
    """Run the command; what is wrong is said in one line, with exit code 2."""
    try:
        app()
    except SeedcastError as error:
        problems = error.errors if isinstance(error, InvalidInput) else (error,)
        for problem in problems:
            print(f"seedcast: {problem}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()

"""`seedcast validate` and `seedcast schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.overrides import load_spec
from shared.errors import InvalidInput
from shared.spec.experiment import ExperimentSpec

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Specifications, YAML or JSON.")]


def validate(files: Files) -> None:
    """Check specifications without running them. Exit code 2 if any is wrong."""
    wrong = 0
    for path in files:
        try:
            spec = load_spec(path)
        except InvalidInput as error:
            wrong += 1
            for problem in error.errors:
                typer.echo(f"{path}: {' '.join(str(problem).split())}", err=True)
        else:
            typer.echo(f"{path}: ok ({spec.strategy.name} on {spec.environment.id})")
    if wrong:
        raise typer.Exit(2)


def schema() -> None:
    """Print the JSON Schema of a specification."""
    typer.echo(json.dumps(ExperimentSpec.model_json_schema(), indent=2))

"""`seedcast validate` and `seedcast schema`."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Annotated

import typer

from cli.overrides import load_spec
from shared.errors import InvalidInput
from shared.spec.experiment import ExperimentSpec
from shared.spec.policy import build_policy

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Specifications, YAML or JSON.")]
UNCHECKED = "its environment is not checked: no engine is installed here"


def validate(files: Files) -> None:
    """Check specifications without running them, environment and policy with the engines installed here.

    Exit code 2 if any is wrong.
    """
    wrong = 0
    for path in files:
        try:
            spec = load_spec(path)
            unchecked = check_environment(spec)
        except InvalidInput as error:
            wrong += 1
            for problem in error.errors:
                typer.echo(f"{path}: {' '.join(str(problem).split())}", err=True)
        else:
            typer.echo(f"{path}: ok ({spec.strategy.name} on {spec.task_id}){unchecked}")
    if wrong:
        raise typer.Exit(2)


def check_environment(spec: ExperimentSpec) -> str:
    """Make the environment and fit the policy to it, or make the objective.

    Where no engine is installed, return that in words.

    Raises:
        InvalidInput: there is no such environment, or they do not fit.
    """
    with warnings.catch_warnings(action="ignore"):  # what packages of environments tell each other
        try:
            from services.worker.environments.registry import describe  # late: engines are slow to import
            from services.worker.objectives.registry import describe as describe_objective
        except ImportError:
            return f"; {UNCHECKED}"
        if spec.objective is not None:
            describe_objective(spec.objective)
        else:
            build_policy(spec.rollouts.policy, describe(spec.rollouts.environment))
    return ""


def schema() -> None:
    """Print the JSON Schema of a specification."""
    typer.echo(json.dumps(ExperimentSpec.model_json_schema(), indent=2))

"""`seedcast validate` and `seedcast schema`."""

from __future__ import annotations

import json as json_module
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seedcast.cli.options import AsJson
from seedcast.cli.output import print_values
from seedcast.cli.overrides import load_spec
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.curriculum import refuse_other_spaces, refused_of_stage
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.policy import build_policy

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Specifications, YAML or JSON.")]
UNCHECKED = "its environment is not checked: no engine is installed here"


def validate(files: Files, json: AsJson = False) -> None:
    """Check specifications without running them, environment and policy with the engines installed here.

    Exit code 2 if any is wrong.
    """
    found = []
    for path in files:
        try:
            spec = load_spec(path)
            note = check_environment(spec)
        except InvalidInput as error:
            problems = [" ".join(str(problem).split()).removeprefix(f"{path}: ") for problem in error.errors]
            found.append({"file": str(path), "ok": False, "problems": problems})
        else:
            found.append({"file": str(path), "ok": True, "strategy": spec.strategy.name, "task": spec.task_id})
            found[-1] |= {"note": note} if note else {}
        if not json:
            _say(found[-1])
    if json:
        print_values(found)
    if not all(one["ok"] for one in found):
        raise typer.Exit(2)


def _say(found: Mapping[str, Any]) -> None:
    for problem in found.get("problems", ()):
        typer.echo(f"{found['file']}: {problem}", err=True)
    if found["ok"]:
        note = f"; {found['note']}" if "note" in found else ""
        typer.echo(f"{found['file']}: ok ({found['strategy']} on {found['task']}){note}")


def check_environment(spec: ExperimentSpec) -> str:
    """Make the environment and fit the policy to it, or make the objective.

    Where no engine is installed, return that in words.

    Raises:
        InvalidInput: there is no such environment, or they do not fit.
    """
    with warnings.catch_warnings(action="ignore"):  # what packages of environments tell each other
        try:
            from seedcast.services.worker.environments.registry import describe  # late: engines are slow to import
            from seedcast.services.worker.objectives.registry import describe as describe_objective
        except ImportError:
            return UNCHECKED
        if spec.objective is not None:
            describe_objective(spec.objective)
        else:
            task = describe(spec.rollouts.environment)
            build_policy(spec.rollouts.policy, task)
            for number, stage in enumerate(spec.stages[:-1]):
                environment = stage.rollouts.environment
                with refused_of_stage(number):
                    there = describe(environment.on(task.engine))
                refuse_other_spaces(number, environment.id, there, task)
    return ""


def schema(
    json: Annotated[bool, typer.Option("--json", help="It is JSON anyway: all commands have this option.")] = True,
) -> None:
    """Print the JSON Schema of a specification."""
    del json
    typer.echo(json_module.dumps(ExperimentSpec.model_json_schema(), indent=2))

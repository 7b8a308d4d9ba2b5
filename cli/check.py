"""`seedcast check`: holds a strategy, a policy, an environment or an objective to its contract.

It needs pytest, and no server.
"""

from __future__ import annotations

import json as json_module
import sys
import tempfile
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from seedcast.cli.options import AsJson
from seedcast.cli.output import print_values
from seedcast.shared.errors import InvalidInput

app = typer.Typer(
    help="Hold a strategy, a policy, an environment or an objective to its contract.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="What a specification calls it.")]
Options = Annotated[str, typer.Option("--options", metavar="JSON", help="Options of its specification.")]

TEST = """
from seedcast.cli.check import contract

TestContract = contract({kind!r}, {name!r}, {options!r})
"""


@app.command()
def environment(
    id_: Annotated[str, typer.Argument(metavar="ID", help="What a specification calls it.")],
    kwargs: Annotated[str, typer.Option("--kwargs", metavar="JSON", help="Of its constructor.")] = "{}",
    engine: Annotated[str, typer.Option("--engine", help="What is to run it.")] = "auto",
    steps: Annotated[int, typer.Option("--steps", min=8, help="Of an episode.")] = 60,
    unseeded: Annotated[bool, typer.Option("--unseeded", help="All its episodes are alike.")] = False,
    json: AsJson = False,
) -> None:
    """Check an environment: an episode depends on its seed and its actions, and on nothing else."""
    from seedcast.services.worker.environments.registry import describe
    from seedcast.shared.spec.environment import EnvironmentSpec

    values = {"id": id_, "kwargs": _object("--kwargs", kwargs), "engine": engine}
    describe(EnvironmentSpec.model_validate(values))  # what is refused here is no matter of the contract
    _run("environment", id_, values | {"steps": steps, "seeded": not unseeded}, json)


@app.command()
def objective(
    id_: Annotated[str, typer.Argument(metavar="ID", help="What a specification calls it.")],
    kwargs: Annotated[str, typer.Option("--kwargs", metavar="JSON", help="Of its factory.")] = "{}",
    json: AsJson = False,
) -> None:
    """Check an objective: a value depends on its solution and its seed, whatever else is in the batch."""
    from seedcast.services.worker.objectives.registry import describe
    from seedcast.shared.spec.objective import ObjectiveSpec

    values = {"id": id_, "kwargs": _object("--kwargs", kwargs)}
    describe(ObjectiveSpec.model_validate(values))  # what is refused here is no matter of the contract
    _run("objective", id_, values, json)


@app.command()
def policy(name: Name, options: Options = "{}", json: AsJson = False) -> None:
    """Check a policy: what a lane does depends on its own parameters and observations, to the bit."""
    from seedcast.shared.spec.policy import POLICIES

    _ = POLICIES[name]
    _run("policy", name, {"options": _object("--options", options)}, json)


@app.command()
def strategy(name: Name, options: Options = "{}", json: AsJson = False) -> None:
    """Check a strategy: it learns, it repeats itself to the bit, and it goes on from what it saved."""
    from seedcast.shared.spec.strategies import STRATEGIES

    _ = STRATEGIES[name]
    _run("strategy", name, {"hyperparameters": {"name": name} | _object("--options", options)}, json)


def contract(kind: str, name: str, settings: dict[str, Any]) -> type:
    """Return the class of tests that pytest is to collect."""
    from seedcast import contracts
    from seedcast.shared.spec.policy import POLICIES
    from seedcast.shared.spec.strategies import STRATEGIES

    if kind == "environment":
        return type("TestContract", (contracts.EnvironmentContract,), settings)
    if kind == "objective":
        return type("TestContract", (contracts.ObjectiveContract,), settings)
    if kind == "policy":
        return type(
            "TestContract", (contracts.PolicyContract,), {"policy": POLICIES[name], "name": name, **settings}
        )
    from seedcast.services.master.strategies.contract.declared import declared

    expected = {"strategy": STRATEGIES[name], "hyperparameters": {"name": name}}
    expected |= declared(name, settings.get("hyperparameters", {})) | settings
    return type("TestContract", (contracts.StrategyContract,), expected)


def _object(option: str, text: str) -> dict[str, Any]:
    try:
        values = json_module.loads(text)
    except ValueError as error:
        raise InvalidInput.of(option, f"is no JSON: {error}", text) from None
    if not isinstance(values, dict):
        raise InvalidInput.of(option, "is no JSON object", text)
    return values


class _Outcomes:
    """A plug-in of pytest that keeps what came of each test."""

    def __init__(self) -> None:
        self.tests: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - pytest is imported late
        """Note the outcome of a test; its set-up and its end count where they do not pass."""
        if report.when == "call" or report.outcome != "passed":
            self.tests[report.nodeid.rpartition("::")[2]] = report.outcome


def _run(kind: str, name: str, options: dict[str, Any], json: bool) -> None:
    if find_spec("pytest") is None:
        raise InvalidInput.of("check", "needs pytest: pip install pytest")
    import pytest

    outcomes = _Outcomes()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr if json else sys.stdout):
        file = Path(folder) / "test_contract.py"
        file.write_text(TEST.format(kind=kind, name=name, options=options))
        settings = ["-c", "/dev/null", "--rootdir", folder, "-p", "no:cacheprovider", "-p", "no:warnings"]
        arguments = [*settings, "-v", "--no-header", "--tb=short", str(file)]
        code = pytest.main(arguments, plugins=[outcomes])
    if json:
        print_values({"kind": kind, "name": name, "ok": not code, "tests": outcomes.tests})
    if code:
        raise typer.Exit(1)

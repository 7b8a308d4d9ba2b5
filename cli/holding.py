"""Runs the tests of a contract in a process of its own, which what is tested may block or end.

    python -m seedcast.cli.holding HOLDING FD   what that process runs

It tells the file descriptor FD what happens, a JSON object a line: why nothing can be tested ("refused"), that a
test begins ("test"), what came of it ("outcome"), or pytest's exit code ("ended").
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from seedcast.shared.errors import FieldError, InvalidInput

TEST = """
from seedcast.cli.holding import Holding

TestContract = Holding({kind!r}, {name!r}, {values!r}, {settings!r}).contract()
"""


@dataclass
class Held:
    """What came of the tests."""

    tests: dict[str, str] = field(default_factory=dict)
    """The outcome of each."""
    ok: bool = False
    ended_by: str | None = None
    """Why the tests did not come to their end, in words."""


@dataclass(frozen=True)
class Holding:
    """What is held to its contract: an environment, an objective, a policy or a strategy."""

    kind: str
    name: str
    values: dict[str, Any]
    """Its specification."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Of the contract, beside the specification."""

    def run(self, seconds: float, quiet: bool) -> Held:
        """Run the tests, which may take ``seconds`` each; what pytest prints goes to stderr if ``quiet``.

        Raises:
            InvalidInput: there is no such thing, or its specification is wrong.
        """
        there, here = os.pipe()
        command = [sys.executable, "-P", "-m", __name__, json.dumps(asdict(self)), str(here)]
        with subprocess.Popen(command, pass_fds=[here], stdout=sys.stderr.fileno() if quiet else None) as process:
            os.close(here)
            try:
                return self._followed(process, there, seconds)
            finally:
                process.kill()
                os.close(there)

    def _followed(self, process: subprocess.Popen[bytes], there: int, seconds: float) -> Held:
        held, running = Held(), "its description"
        try:
            for news in _lines(there, seconds):
                if errors := news.get("refused"):
                    raise InvalidInput([FieldError(*error) for error in errors])
                if "ended" in news:
                    held.ok = news["ended"] == 0
                    return held
                running = news["test"]
                held.tests[running] = news.get("outcome", "running")
        except TimeoutError:
            process.kill()
            held.ended_by = f"{running}: took longer than {seconds:g} s"
        else:
            code = process.wait()
            held.ended_by = f"{running}: ended the process, with code {code}"
        if running in held.tests:
            held.tests[running] = "failed"
        return held

    def refuse(self) -> None:
        """Refuse what cannot be tested: there is no such thing, or its specification is wrong.

        Raises:
            InvalidInput: so it is.
        """
        from pydantic import TypeAdapter, ValidationError

        from seedcast.services.worker.environments import registry as environments
        from seedcast.services.worker.objectives import registry as objectives
        from seedcast.shared.spec.environment import EnvironmentSpec
        from seedcast.shared.spec.objective import ObjectiveSpec
        from seedcast.shared.spec.policy import POLICIES, AnyPolicySpec
        from seedcast.shared.spec.strategies import STRATEGIES, AnyStrategySpec
        from seedcast.shared.validation import invalid

        try:
            if self.kind == "environment":
                environments.describe(EnvironmentSpec.model_validate(self.values))
            elif self.kind == "objective":
                objectives.describe(ObjectiveSpec.model_validate(self.values))
            elif self.kind == "policy":
                _ = POLICIES[self.name]
                TypeAdapter(AnyPolicySpec).validate_python(self.values)
            else:
                _ = STRATEGIES[self.name]
                TypeAdapter(AnyStrategySpec).validate_python(self.values)
        except ValidationError as error:
            raise invalid(error, self.values) from error

    def contract(self) -> type:
        """Return the class of tests that pytest is to collect."""
        from seedcast import contracts
        from seedcast.services.master.strategies.contract.declared import declared
        from seedcast.shared.spec.policy import POLICIES
        from seedcast.shared.spec.strategies import STRATEGIES

        options = {name: value for name, value in self.values.items() if name != "name"}
        if self.kind == "environment":
            return type("TestContract", (contracts.EnvironmentContract,), self.values | self.settings)
        if self.kind == "objective":
            return type("TestContract", (contracts.ObjectiveContract,), self.values | self.settings)
        if self.kind == "policy":
            members = {"policy": POLICIES[self.name], "name": self.name, "options": options}
            return type("TestContract", (contracts.PolicyContract,), members)
        members = declared(self.name, self.values) | self.settings
        expected = {"strategy": STRATEGIES[self.name], "hyperparameters": self.values}
        return type("TestContract", (contracts.StrategyContract,), members | expected)


def _lines(there: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield what a process tells until it ends.

    Raises:
        TimeoutError: it told nothing for so long.
    """
    begun = b""
    while True:
        if not select.select([there], [], [], seconds)[0]:
            raise TimeoutError
        if not (more := os.read(there, 2**16)):
            return
        *whole, begun = (begun + more).split(b"\n")
        for line in whole:
            yield json.loads(line)


class _News:
    """A plug-in of pytest that tells of each test."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def tell(self, **news: object) -> None:
        """Write a line, at once."""
        print(json.dumps(news), file=self._file, flush=True)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell that a test begins."""
        self.tell(test=nodeid.rpartition("::")[2])

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - pytest is imported late
        """Tell the outcome of a test; its set-up and its end count where they do not pass."""
        if report.when == "call" or report.outcome != "passed":
            self.tell(test=report.nodeid.rpartition("::")[2], outcome=report.outcome)


def main() -> None:
    """Run the tests."""
    holding, news = Holding(**json.loads(sys.argv[1])), _News(os.fdopen(int(sys.argv[2]), "w"))
    try:
        holding.refuse()
    except InvalidInput as error:
        news.tell(refused=[(one.field, one.reason, one.value) for one in error.errors])
        return
    import pytest

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test_contract.py"
        file.write_text(TEST.format(**asdict(holding)))
        settings = ["-c", "/dev/null", "--rootdir", folder, "-p", "no:cacheprovider", "-p", "no:warnings"]
        code = pytest.main([*settings, "-v", "--no-header", "--tb=short", str(file)], plugins=[news])
    sys.stdout.flush()  # once the end is told, the process is killed
    news.tell(ended=int(code))


if __name__ == "__main__":
    main()

"""`python -m tests.api.fuzz`: thousands of generated requests against a real master, with every check there is.

Schemathesis makes requests of the OpenAPI document, right and wrong ones, and holds each answer to it: no 5xx, no
undocumented status, header or body, no wrong data accepted, no right data refused. Afterwards the master is looked
at: no fault in its log, every experiment can be read, and a master started anew on the folder finds the same ones.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.processes import Server, master

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
NOBODY = "http://127.0.0.1:9"
"""No worker: what is accepted waits, and takes no core."""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    cases: int
    failures: str
    """The generator's own report; empty where all is well."""
    faults: list[str]
    """What was wrong with the master afterwards."""


def fuzz(folder: Path, examples: int, seconds: int, seed: int) -> Outcome:
    """Send ``examples`` cases of each kind to each operation, for so many seconds at most."""
    with master(folder, [NOBODY]) as server:
        command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIGURATION)]
        command += ["run", f"{server.url}/openapi.json", "--checks", "all", "--max-examples", str(examples)]
        command += ["--max-time", str(seconds), "--seed", str(seed), "--no-color", "--continue-on-failure"]
        command += ["--request-timeout", "60", "--max-response-time", "60"]  # a busy machine is no fault
        command += ["--generation-database", "none", "--suppress-health-check", "all", "--no-shrink"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds + 120, cwd=folder
        )
        before = _experiments(server)
        faults = [line for line in server.log.read_text().splitlines() if " ERROR " in line or "Traceback" in line]
        faults += _unreadable(server, before)
    with master(folder, [NOBODY]) as again:
        if _experiments(again) != before:
            faults.append("a master started anew finds other experiments")
    found = re.search(r"([\d,]+) generated", done.stdout)
    cases = int(found[1].replace(",", "")) if found else 0
    return Outcome(cases, "" if done.returncode == 0 else done.stdout + done.stderr, faults)


def _experiments(server: Server) -> set[str]:
    return {one["id"] for one in server.http.get("/experiments").json()["experiments"]}


def _unreadable(server: Server, ids: set[str]) -> list[str]:
    answers = {id_: server.http.get(f"/experiments/{id_}").status_code for id_ in ids}
    return [f"{id_} is answered by {status}" for id_, status in answers.items() if status != 200]


def main() -> None:
    """Fuzz, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="At least so many.")
    parser.add_argument("--seconds", type=int, default=300, help="A round takes no longer.")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    total, round_ = 0, 0
    while total < wanted.cases:
        with tempfile.TemporaryDirectory() as folder:
            outcome = fuzz(Path(folder), 25, wanted.seconds, wanted.seed + round_)
        total, round_ = total + outcome.cases, round_ + 1
        print(f"{total} cases", flush=True)  # noqa: T201
        if outcome.failures or outcome.faults or not outcome.cases:
            print(outcome.failures, *outcome.faults, sep="\n")  # noqa: T201
            raise SystemExit(1)
    print("no 5xx, no violation, no dirty state")  # noqa: T201


if __name__ == "__main__":
    main()
